import { setTimeout as pause } from 'node:timers/promises'
import { openSession } from '../demo/session.ts'
import type { Session } from '../demo/session.ts'

/** Longest waits of the application's statements for locks that pgmove held or asked for, in seconds. */
export interface LockWaits {
  /** Of INSERT, UPDATE, DELETE. */
  readonly ordinary: number
  /** Of a statement that needs the ACCESS EXCLUSIVE lock, as ALTER TABLE does. */
  readonly exclusive: number
}

export interface Application {
  /** Takes and frees the ACCESS EXCLUSIVE lock of a table, as a quick ALTER TABLE would; resolves to the seconds it waited. */
  lockExclusively(table: string): Promise<number>
  readonly transactions: number
  /** Rejects when a statement fails; never resolves. */
  readonly failure: Promise<never>
  stop(): Promise<LockWaits>
}

const NAME = 'bench application'
const EVERY_MS = 20
const LOOK_MS = 100

/** An application that writes to the source all the time, and an observer who sees what it waits for. */
export async function startApplication(url: string): Promise<Application> {
  const writers = [await openSession(url, NAME), await openSession(url, NAME)]
  const exclusive = await openSession(url, NAME)
  const observer = await openSession(url, 'bench observer')
  const exclusivePid = (await exclusive.query('select pg_backend_pid()::text as pid'))[0]?.['pid'] ?? ''
  const waits = { ordinary: 0, exclusive: 0 }
  let transactions = 0
  let stopped = false

  const write = async (session: Session, seed: number): Promise<void> => {
    for (let n = seed; !stopped; n++) {
      await session.query(`update public.account set balance = balance + 1 where id = $1`, [String(1 + ((n * 7) % 1000))])
      await session.query(
        `update public.wide set at = at + interval '1 second' where id = (select $1::bigint % (select max(id) from public.wide) + 1)`,
        [String(n * 997)],
      )
      transactions += 2
      await pause(EVERY_MS)
    }
  }
  const look = async (): Promise<void> => {
    while (!stopped) {
      const rows = await observer.query(BLOCKED)
      for (const { pid, seconds } of rows) {
        const kind = pid === exclusivePid ? 'exclusive' : 'ordinary'
        waits[kind] = Math.max(waits[kind], Number(seconds))
      }
      await pause(LOOK_MS)
    }
  }
  const loops = [...writers.map((session, i) => write(session, i * 500)), look()]
  const failure = Promise.race(loops.map((loop) => loop.then(() => new Promise<never>(() => undefined))))
  failure.catch(() => undefined)
  return {
    get transactions() {
      return transactions
    },
    failure,
    lockExclusively: async (table) => {
      const began = performance.now()
      await exclusive.query(`begin; lock table ${table} in access exclusive mode; commit`)
      return (performance.now() - began) / 1000
    },
    stop: async () => {
      stopped = true
      await Promise.allSettled(loops)
      for (const session of [...writers, exclusive, observer]) await session.close()
      return waits
    },
  }
}

/** Sessions of the application that wait for pgmove, or for one of their own that waits for pgmove. */
const BLOCKED = `
with waiting as (
  select pid, clock_timestamp() - query_start as since, pg_blocking_pids(pid) as blockers
    from pg_stat_activity where application_name = '${NAME}' and wait_event_type = 'Lock'
), direct as (
  select w.pid from waiting w where exists (
    select from pg_stat_activity a where a.pid = any (w.blockers) and a.application_name like 'pgmove %')
)
select pid::text as pid, extract(epoch from since)::text as seconds from waiting w
 where pid in (select pid from direct) or exists (select from direct d where d.pid = any (w.blockers))`
