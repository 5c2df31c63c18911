import type { Database } from '../postgres/connect.ts'
import type { Check } from './check.ts'
import { failed, passed, warning } from './finding.ts'

/** System identifiers are the same on a copy of a cluster; the moment when the server started is not. */
async function identity(database: Database): Promise<string> {
  const [row] = await database.query<{ server: string; oid: string }>(
    `select (select system_identifier from pg_control_system()) || ' ' || pg_postmaster_start_time() as server,
            (select oid from pg_database where datname = current_database()) as oid`,
  )
  return `${row?.server ?? ''} ${row?.oid ?? ''}`
}

export const sameDatabase: Check = {
  name: 'same_database',
  expected: 'two different databases',
  run: async ({ source, target }) =>
    (await identity(source)) === (await identity(target))
      ? failed('source and target are the same database', 'Correct the connection of the source or of the target.')
      : passed('two databases'),
}

async function inRecovery(database: Database): Promise<boolean> {
  const [row] = await database.query<{ recovery: string }>('select pg_is_in_recovery() as recovery')
  return row?.recovery === 't'
}

export const standby: Check = {
  name: 'standby',
  expected: 'both servers are primaries',
  run: async ({ source, target, incremental }) => {
    if (await inRecovery(target)) return failed('the target is a standby', 'Give the URL of the primary as target.')
    if (!(await inRecovery(source))) return passed('both are primaries')
    if (incremental) return failed('the source is a standby', 'Give the URL of the primary as source.')
    return warning(
      'the source is a standby',
      'A standby may cancel the copy when replay needs its locks: raise max_standby_streaming_delay there, or give the URL of the primary.',
    )
  },
}

/** pgmove knows text as UTF-8; SQL_ASCII says nothing about the bytes. */
export const encoding: Check = {
  name: 'encoding',
  expected: 'a source whose every character the target can store',
  run: async ({ source, target, incremental }) => {
    const [from, to] = [await serverEncoding(source), await serverEncoding(target)]
    const found = `source ${from}, target ${to}`
    if (from === 'SQL_ASCII') {
      const fix = 'Convert the source to an encoding that says what its bytes mean, then start again.'
      return incremental ? failed(found, fix) : warning(found, `Bytes that are no UTF-8 will be refused. ${fix}`)
    }
    if (from === to || to === 'UTF8') return passed(found)
    return warning(found, 'Characters that the target lacks will be refused: create the target database with encoding UTF8.')
  },
}

async function serverEncoding(database: Database): Promise<string> {
  const [row] = await database.query<{ encoding: string }>(`select current_setting('server_encoding') as encoding`)
  return row?.encoding ?? ''
}
