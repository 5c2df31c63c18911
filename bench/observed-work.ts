import { setTimeout as pause } from 'node:timers/promises'
import { eventually } from '../dev/eventually.ts'
import type { Session } from '../demo/session.ts'

/** How long something must stand still to count as stopped. */
const STILL_MS = 2_000

/** Bytes that COPY has put into tables of the target so far, over all running copies; 0 if none runs. */
export async function copiedBytes(target: Session): Promise<number> {
  const [row] = await target.query(
    `select coalesce(sum(bytes_processed), 0)::text as bytes from pg_stat_progress_copy where datname = current_database() and command = 'COPY FROM'`,
  )
  return Number(row?.['bytes'] ?? 0)
}

/** Seconds from `since` (performance.now()) to the last change of `figure`, once it has stood still for 2 s. */
export async function secondsUntilStill(figure: () => Promise<number>, since: number): Promise<number> {
  let last = await figure()
  let changedAt = since
  for (;;) {
    await pause(50)
    const now = await figure()
    if (now !== last) [last, changedAt] = [now, performance.now()]
    else if (performance.now() - Math.max(changedAt, since) > STILL_MS) return (changedAt - since) / 1000
    if (performance.now() - since > 60_000) throw new Error('it did not stand still within 60 s')
  }
}

/** Seconds from `since` until `condition` holds. */
export async function secondsUntil(what: string, condition: () => Promise<boolean>, since: number): Promise<number> {
  await eventually(what, 120, condition)
  return (performance.now() - since) / 1000
}

/** Whether pgmove reads the source's change stream. */
export async function streams(source: Session): Promise<boolean> {
  return (await source.query(`select from pg_stat_replication where application_name like 'pgmove %'`)).length > 0
}

/** Whether the target transaction that applies changes has been open for a second: it is a big one. */
export async function appliesMuch(target: Session): Promise<boolean> {
  const rows = await target.query(
    `select from pg_stat_activity where datname = current_database() and application_name like 'pgmove % apply'
       and xact_start < clock_timestamp() - interval '1 second'`,
  )
  return rows.length > 0
}

/** Whether everything that the source has committed by now is on the target. */
export async function caughtUp(source: Session, target: Session): Promise<() => Promise<boolean>> {
  const [marker] = await source.query('select pg_current_wal_insert_lsn()::text as lsn')
  return async () =>
    (await target.query(`select from pgmove.progress where confirmed_lsn >= $1::pg_lsn`, [marker?.['lsn'] ?? ''])).length > 0
}

/** What pgmove has left on the source. */
export async function leftovers(source: Session): Promise<string[]> {
  const rows = await source.query(
    `select 'slot ' || slot_name as line from pg_replication_slots union all select 'publication ' || pubname from pg_publication
     union all select 'schema pgmove' from pg_namespace where nspname = 'pgmove'`,
  )
  return rows.map(({ line }) => line ?? '')
}
