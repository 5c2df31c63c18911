import net from 'node:net'
import { after } from 'node:test'

const DELAY_MS = 25
const closers: (() => Promise<void>)[] = []
after(async () => {
  for (const close of closers) await close()
})

/**
 * A port that passes connections on to a server, and does of a connection pooler's ways one: `forgets` leaves the options out of the
 * startup packet (PgBouncer's ignore_startup_parameters), `renames` tells a process id of its own; or `delays` answers by 25 ms. Without TLS only.
 */
export async function poolingProxy(port: number, way: 'forgets' | 'renames' | 'delays'): Promise<number> {
  const sockets: net.Socket[] = []
  const proxy = net.createServer((client) => {
    const server = net.connect(port, '127.0.0.1')
    sockets.push(client, server)
    for (const [from, to] of [[client, server], [server, client]] as const) from.on('error', () => to.destroy()).on('close', () => to.destroy()) // prettier-ignore
    client.once('data', (startup: Buffer) => {
      server.write(way === 'forgets' ? withoutOptions(startup) : startup)
      client.pipe(server)
    })
    if (way === 'renames') renameProcess(server, client)
    else if (way === 'forgets') server.pipe(client)
    else server.on('data', (chunk) => setTimeout(() => client.write(chunk), DELAY_MS))
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  closers.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => proxy.close(resolve))
  })
  return (proxy.address() as net.AddressInfo).port
}

function withoutOptions(startup: Buffer): Buffer {
  const words = startup.subarray(8, -2).toString('latin1').split('\0')
  const kept = words.flatMap((word, at) => (at % 2 === 0 && word !== 'options' ? [word, words[at + 1] ?? ''] : []))
  const body = Buffer.from(`${kept.join('\0')}\0\0`, 'latin1')
  const head = Buffer.from(startup.subarray(0, 8))
  head.writeInt32BE(body.length + 8)
  return Buffer.concat([head, body])
}

/** BackendKeyData comes soon after the start; whatever comes after it passes unread. */
function renameProcess(server: net.Socket, client: net.Socket): void {
  let before = Buffer.alloc(0)
  const read = (chunk: Buffer): void => {
    before = Buffer.concat([before, chunk])
    for (let at = 0; at + 5 <= before.length; at += 1 + before.readInt32BE(at + 1)) {
      if (before[at] !== 'K'.charCodeAt(0) || before.length < at + 9) continue
      before.writeInt32BE(before.readInt32BE(at + 5) + 1, at + 5)
      server.off('data', read)
      client.write(before)
      server.pipe(client)
      return
    }
  }
  server.on('data', read)
}
