import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { formatLsn, parseLsn } from '../postgres/lsn.ts'
import { pause } from '../source/retry-on-lock.ts'

const PAGE_BYTES = 8192n
/** The longest header of a WAL page. */
const HEADER_BYTES = 40n
const PATIENCE_MS = 60_000
const NUDGE_AFTER_MS = 1000

/**
 * Waits until all WAL below `lsn` is on the source's disk (HANDOFF.md, G2): what the copy saw of asynchronous commits must not
 * be undone by a crash, after which their transaction ids would be used again. Asked in the copying session itself, which
 * a crash would have ended.
 */
export async function waitDurable(source: Database, observer: Database, lsn: bigint, signal: AbortSignal): Promise<void> {
  const started = Date.now()
  for (let pauseMs = 10; ; pauseMs = Math.min(2 * pauseMs, 500)) {
    const [row] = await source.query<{ lsn: string }>('select pg_current_wal_flush_lsn() as lsn')
    if (isFlushed(parseLsn(row?.lsn ?? ''), lsn)) return
    const waited = Date.now() - started
    if (waited > PATIENCE_MS) {
      const text = `On the source: the WAL up to ${formatLsn(lsn)} was not flushed to disk within ${PATIENCE_MS / 1000} s. The table is copied again.`
      throw new MigrationError('LockTimeout', text, { side: 'source', lsn: formatLsn(lsn) })
    }
    // WAL of a transaction that is still open stays in memory on an idle server; a commit makes the WAL writer flush it.
    if (waited > NUDGE_AFTER_MS) await observer.query('select txid_current()')
    await pause(pauseMs, signal)
  }
}

/** The insert position skips the header of the next page, to which nothing is flushed before a record stands there. */
export function isFlushed(flushed: bigint, lsn: bigint): boolean {
  return flushed >= lsn || (flushed % PAGE_BYTES === 0n && lsn - flushed <= HEADER_BYTES)
}
