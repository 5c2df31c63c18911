import type { Database } from '../postgres/connect.ts'
import type { Check } from './check.ts'
import { passed, warning } from './finding.ts'

interface OpenTransaction extends Record<string, string | null> {
  pid: string
  /** In UTC. */
  since: string
  role: string | null
}

/** Transactions of other sessions that are open for longer than `age`, an interval; of other roles only those that the role may see. */
export async function readOpenTransactions(source: Database, age: string): Promise<OpenTransaction[]> {
  return source.query<OpenTransaction>(
    `select pid, to_char(xact_start, 'YYYY-MM-DD HH24:MI:SS') as since, usename as role
       from pg_stat_activity
      where backend_type = 'client backend' and pid <> pg_backend_pid() and xact_start < clock_timestamp() - $1::interval
      order by xact_start`,
    [age],
  )
}

/** Creating a slot waits for every transaction of the cluster that has written; a snapshot of any kind holds back VACUUM. */
export function longTransactionsOver(age: string): Check {
  return {
    name: 'long_transactions',
    expected: `no transaction on the source that is open for more than ${age}`,
    applies: ({ incremental }) => incremental,
    run: async ({ source }) => {
      const rows = await readOpenTransactions(source, age)
      if (rows.length === 0) return passed('none that the role may see')
      return warning(
        `${rows.length}, the oldest since ${rows[0]?.since ?? ''} UTC`,
        'The slot is created only when they have ended: end them ("select pg_terminate_backend(…)" with the process), or wait.',
        rows.map(({ pid, since, role }) => `process ${pid} of ${role ?? 'unknown'}, since ${since} UTC`),
      )
    },
  }
}

export const longTransactions = longTransactionsOver('5 minutes')

export const preparedTransactions: Check = {
  name: 'prepared_transactions',
  expected: 'no prepared transaction on the source',
  applies: ({ incremental }) => incremental,
  run: async ({ source }) => {
    const rows = await source.query<{ gid: string; database: string; since: string }>(
      `select gid, database, to_char(prepared, 'YYYY-MM-DD HH24:MI:SS') as since from pg_prepared_xacts order by prepared`,
    )
    if (rows.length === 0) return passed('none')
    return warning(
      `${rows.length}, the oldest since ${rows[0]?.since ?? ''} UTC`,
      'The slot is created only when they have ended: COMMIT PREPARED or ROLLBACK PREPARED.',
      rows.map(({ gid, database, since }) => `${gid.slice(0, 100)} in ${database}, since ${since} UTC`),
    )
  },
}
