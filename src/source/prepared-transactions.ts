import type { Database } from '../postgres/connect.ts'
import { literal } from '../postgres/quote.ts'
import { pause } from './retry-on-lock.ts'

const POLL_MS = 1000
const SHOWN = 3

/**
 * Waits until no prepared transaction of this database is left: one that is committed later would write behind the fence. `onWait` is told
 * which they are, with the statements that end them.
 */
export async function waitForPrepared(
  source: Database,
  { signal, onWait }: { readonly signal: AbortSignal; readonly onWait?: ((what: string | undefined) => void) | undefined },
): Promise<void> {
  for (let told = false; ; told = true) {
    const rows = await source.query<{ gid: string; since: string; owner: string }>(
      `select gid, owner, to_char(prepared, 'YYYY-MM-DD HH24:MI:SS') as since from pg_prepared_xacts
        where database = current_database() order by prepared, gid`,
    )
    if (rows.length === 0) {
      if (told) onWait?.(undefined)
      return
    }
    const named = rows
      .slice(0, SHOWN)
      .map(
        ({ gid, since, owner }) =>
          `${gid} of ${owner}, since ${since} UTC (commit prepared ${literal(gid)}, or rollback prepared ${literal(gid)})`,
      )
    const more = rows.length > SHOWN ? ` and ${rows.length - SHOWN} more` : ''
    onWait?.(`prepared transactions on the source to end: ${named.join('; ')}${more}`)
    await pause(POLL_MS, signal)
  }
}
