import { randomInt } from 'node:crypto'
import net from 'node:net'

/** Below the ports that systems give to outgoing connections, so that none is taken between the look and the use. */
const RANGE = [15_000, 30_000] as const

/** `wanted` if nobody listens there on 127.0.0.1, else another port that is free. */
export async function freePort(wanted?: number): Promise<number> {
  for (let port = wanted ?? randomInt(...RANGE); ; port = randomInt(...RANGE)) if (await isFree(port)) return port
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.createServer().once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
