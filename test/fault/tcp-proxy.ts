import net from 'node:net'
import { after } from 'node:test'

/** A way to a server on this machine that can be made bad. */
export interface TcpProxy {
  /** The URL by way of the proxy. */
  through(url: string): string
  /** Holds every byte back, in both directions, without closing anything; new connections get no answer. */
  silence(): void
  /** Lets through what was held back and what follows. */
  resume(): void
  /** Calls back with every piece on its way to the server, before it is sent. Returning `cut` delivers it, and cuts the client off before the answer. */
  watch(look: ((piece: Buffer) => 'cut' | undefined) | undefined): void
  readonly connections: number
}

/** Starts a proxy to `port`; it ends with the file's tests. */
export async function tcpProxy(port: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [net.Socket, net.Socket]>()
  let silent = false
  let look: ((piece: Buffer) => 'cut' | undefined) | undefined
  const listener = net.createServer((client) => {
    const server = net.connect(port, '127.0.0.1')
    const pair = [client, server] as const
    pairs.add(pair)
    let mute = false
    const end = (): void => {
      pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    client.on('data', (piece: Buffer) => {
      if (!mute && look?.(piece) === 'cut') {
        mute = true
        // The server answers when it has done what it was told.
        server.once('data', end)
      }
      server.write(piece)
    })
    server.on('data', (piece: Buffer) => !mute && client.write(piece))
    for (const socket of pair) {
      socket.on('error', end)
      socket.on('close', end)
      if (silent) socket.pause()
    }
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  after(() => {
    listener.close()
    for (const sockets of pairs) for (const socket of sockets) socket.destroy()
  })
  const { port: own } = listener.address() as net.AddressInfo
  return {
    through: (url) => {
      const parsed = new URL(url)
      parsed.port = String(own)
      return parsed.href
    },
    silence: () => {
      silent = true
      for (const sockets of pairs) for (const socket of sockets) socket.pause()
    },
    resume: () => {
      silent = false
      for (const sockets of pairs) for (const socket of sockets) socket.resume()
    },
    watch: (wanted) => {
      look = wanted
    },
    get connections() {
      return pairs.size
    },
  }
}
