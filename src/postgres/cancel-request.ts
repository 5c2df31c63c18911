import net from 'node:net'
import type { ConnectedEndpoint } from './endpoint.ts'
import { isUnixSocket } from './endpoint.ts'

const CANCEL_REQUEST_CODE = 80877102
const PATIENCE_MS = 2000

/**
 * Asks the server to cancel what a session runs (PostgreSQL documentation, "Canceling Requests in Progress"), as libpq's
 * PQcancel unencrypted: without it, a statement whose connection is dropped runs on until it next writes. Best effort: never fails.
 */
export async function cancelRequest({ host, address }: ConnectedEndpoint, processId: number, secretKey: number | Buffer): Promise<void> {
  const key = typeof secretKey === 'number' ? Buffer.alloc(4) : secretKey
  if (typeof secretKey === 'number') key.writeInt32BE(secretKey)
  const request = Buffer.alloc(12)
  request.writeInt32BE(12 + key.length, 0)
  request.writeInt32BE(CANCEL_REQUEST_CODE, 4)
  request.writeInt32BE(processId, 8)
  const target = isUnixSocket({ host, address }) ? { path: `${address}/.s.PGSQL.${host.port}` } : { host: address, port: host.port }
  await new Promise<void>((resolve) => {
    const socket = net.connect(target, () => socket.end(Buffer.concat([request, key])))
    socket.setTimeout(PATIENCE_MS, () => socket.destroy())
    socket.on('error', () => undefined)
    socket.on('close', () => resolve())
    socket.resume()
  })
}
