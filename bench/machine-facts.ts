import { execFileSync } from 'node:child_process'
import os from 'node:os'
import { fileURLToPath } from 'node:url'

/** Settings of servers whose commits survive a power cut, as PostgreSQL has them by default. */
export const DURABLE = { fsync: 'on', full_page_writes: 'on' } as const

/** What a figure was measured on, in one line; `durable` if the servers ran with `DURABLE`. */
export function machineFacts(versions: readonly string[], durable = false): string {
  const cpus = os.cpus()
  const memory = Math.round(os.totalmem() / 2 ** 30)
  const parts = [
    `${cpus.length} × ${cpus[0]?.model.trim() ?? 'unknown CPU'}`,
    `${memory} GiB RAM`,
    `${os.type()} ${os.release()}`,
    `Node.js ${process.versions.node}`,
    ...versions,
    `everything on one machine, ${durable ? 'fsync and full_page_writes on' : 'fsync off'}, load average ${os.loadavg()[1]?.toFixed(1)} over the last 5 minutes`,
  ]
  return parts.join(', ')
}

/** The commit that was measured, with a mark if files differ from it. */
export function measuredCommit(): string {
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  try {
    const git = (...args: string[]) => execFileSync('git', args, { cwd, encoding: 'utf8' }).trim()
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--', 'src') === '' ? '' : ' with changes')
  } catch {
    return 'unknown'
  }
}
