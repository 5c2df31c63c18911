import type { Database } from '../postgres/connect.ts'
import { ident } from '../postgres/quote.ts'
import type { Check } from './check.ts'
import { passed, warning } from './finding.ts'
import { managedService, setParameter } from '../diagnosis/managed-service.ts'

/** What ends sessions, transactions or statements by itself. */
const TIMEOUTS = [
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
  'transaction_timeout',
  'wal_sender_timeout',
]
/** A status goes to the source every second; a busy worker may be some seconds late. */
const SHORTEST_MS = 10_000

interface RoleSetting {
  readonly name: string
  readonly value: string
  /** Where it is set: `role "x"`, `database "y"` or both. */
  readonly of: string
}

/** pgmove's sessions set these to their own values, and verify it; the source's walsender keeps the server's. */
export const timeouts: Check = {
  name: 'timeouts',
  expected: "no setting of the servers, databases or roles ends pgmove's sessions",
  run: async ({ source, target, incremental }) => {
    const set = [...(await roleSettings(source, TIMEOUTS)), ...(await roleSettings(target, TIMEOUTS))]
    const objects = set.map(({ name, value, of }) => `${name} = ${value} of ${of}`)
    const [row] = await source.query<{ ms: string }>(`select setting as ms from pg_settings where name = 'wal_sender_timeout'`)
    const ms = Number(row?.ms ?? 0)
    if (incremental && ms > 0 && ms < SHORTEST_MS) {
      const own = set.find(({ name }) => name === 'wal_sender_timeout')
      const reset = own && `alter ${own.of} reset wal_sender_timeout`
      return warning(
        `wal_sender_timeout = ${ms} ms on the source: a stream that is silent for that long is cut, and begins again`,
        reset ?? setParameter(await managedService(source), 'wal_sender_timeout', "'60s'", 'reload'),
        objects,
      )
    }
    return passed(objects.length === 0 ? 'none' : `${objects.length}, which pgmove sets aside for its own sessions`, objects)
  },
}

/**
 * pgmove writes nevertheless; the application would find itself locked out after the cutover. Roles that are read-only on purpose are
 * no matter: only what holds for every role, or for pgmove's own.
 */
export const targetReadOnly: Check = {
  name: 'target_read_only',
  expected: 'no setting makes transactions on the target read-only',
  run: async ({ target }) => {
    const set = (await roleSettings(target, ['default_transaction_read_only'])).filter(({ value }) => isOn(value))
    if (set.length === 0) return passed('none')
    return warning(
      `default_transaction_read_only = on for ${set.map(({ of }) => of).join(', ')}`,
      `pgmove writes nevertheless, but the application can not after the cutover: begin read write; ${set.map(({ of }) => `alter ${of} reset default_transaction_read_only`).join('; ')}; commit`,
    )
  },
}

function isOn(value: string): boolean {
  return ['on', 'true', 'yes', '1'].includes(value.toLowerCase())
}

/** Of the database, of the session's role, and of both together. */
async function roleSettings(database: Database, names: readonly string[]): Promise<RoleSetting[]> {
  const rows = await database.query<{ setting: string; role: string | null; database: string | null }>(
    `select c.setting, r.rolname as role, d.datname as database
       from pg_db_role_setting s cross join lateral unnest(s.setconfig) as c (setting)
       left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase
      where (s.setdatabase = 0 or d.datname = current_database()) and (s.setrole = 0 or r.rolname = session_user)
        and split_part(c.setting, '=', 1) in (select json_array_elements_text($1::json))
      order by 2 nulls first, 3 nulls first, 1`,
    [JSON.stringify(names)],
  )
  return rows.map(({ setting, role, database: of }) => {
    const at = setting.indexOf('=')
    const where =
      role === null
        ? of === null
          ? 'role all'
          : `database ${ident(of)}`
        : `role ${ident(role)}${of === null ? '' : ` in database ${ident(of)}`}`
    return { name: setting.slice(0, at), value: setting.slice(at + 1), of: where }
  })
}
