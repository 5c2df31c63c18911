import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import { pause } from './retry-on-lock.ts'

const POLL_MS = 200
/** Modes under which rows are written; weaker ones write none, and VACUUM's, which is between them, changes no row that anybody sees. */
const WRITING = ['RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock']

/**
 * Waits until every transaction that has written to the table and holds its locks now has ended. A transaction keeps its locks until it is
 * visible, also while its commit, which may be in the stream already, waits for a synchronous standby (HANDOFF.md F4): what the stream has
 * passed before this is called is visible to a snapshot that is taken afterwards. Asks for no lock itself, so that it holds nobody up.
 *
 * @param onWaiting called at each look while somebody is waited for
 */
export async function waitForWriters(
  source: Database,
  table: { readonly schema: string; readonly table: string },
  signal: AbortSignal,
  onWaiting?: () => Promise<void> | void,
): Promise<void> {
  const writers = async (): Promise<string[]> => {
    const rows = await source.query<{ holder: string }>(
      `select distinct l.virtualtransaction as holder from pg_locks l
        where l.locktype = 'relation' and l.database = (select oid from pg_database where datname = current_database())
          and l.relation = to_regclass($1) and l.granted and l.mode = any ($2::text[])`,
      [qualified(table.schema, table.table), `{${WRITING.join(',')}}`],
    )
    return rows.map(({ holder }) => holder)
  }
  for (let open = await writers(); open.length > 0;) {
    await onWaiting?.()
    await pause(POLL_MS, signal)
    const still = new Set(await writers())
    open = open.filter((holder) => still.has(holder))
  }
}
