import { ident } from '../postgres/quote.ts'
import type { Database } from '../postgres/connect.ts'
import { overridingRoles } from '../source/fence.ts'
import type { OverridingRole } from '../source/fence.ts'
import type { Check } from './check.ts'
import { failed, passed, warning } from './finding.ts'

/** Since 16 CREATEROLE alone does not do: the role must have been granted with ADMIN OPTION. */
const SINCE_ADMIN_OPTION = 160000

/** The fence makes the source's database read-only by a setting of it, and ends all sessions that began before. */
export const fence: Check = {
  name: 'fence',
  expected: 'the role may make the database read-only, over what roles have set, and end its sessions',
  applies: ({ incremental, spec }) => incremental && spec.cutover?.fence === 'readOnly',
  run: async ({ source, sourceRole }) => {
    const role = ident(sourceRole.name)
    const [right] = await source.query<{ owner: string; ends: string; database: string; owned_by: string }>(
      `select pg_has_role(datdba, 'usage') as owner, pg_has_role('pg_signal_backend', 'usage') as ends, datname as database,
              pg_get_userbyid(datdba) as owned_by
         from pg_database where datname = current_database()`,
    )
    const database = ident(right?.database ?? '')
    if (right?.owner !== 't') {
      return failed(`${database} belongs to ${right?.owned_by ?? ''}`, `grant ${ident(right?.owned_by ?? '')} to ${role}`, [database])
    }
    const writable = await overridingRoles(source)
    const closed = sourceRole.superuser ? [] : await notAlterable(source, writable, sourceRole.name)
    if (closed.length > 0) {
      return failed(
        `${closed.length} roles set default_transaction_read_only = off for themselves, and ${sourceRole.name} may not alter them`,
        `As a superuser: ${closed.map((name) => `alter role ${ident(name)} reset default_transaction_read_only`).join('; ')} (or "in database ${database}")`,
        closed,
      )
    }
    if (sourceRole.superuser) return passed(`${sourceRole.name} may`)
    if (right.ends !== 't') return failed(`${sourceRole.name} may not end sessions of other roles`, `grant pg_signal_backend to ${role}`)
    const superusers = await source.query<{ pid: string; role: string }>(
      `select a.pid, a.usename as role from pg_stat_activity a join pg_roles r on r.oid = a.usesysid
        where a.datname = current_database() and r.rolsuper order by a.pid`,
    )
    if (superusers.length === 0) return passed(`${sourceRole.name} may`)
    return warning(
      `${superusers.length} sessions of superusers are open, which only a superuser can end`,
      'End them before the cutover: it waits for that. Those of a managed service itself it leaves alone.',
      superusers.map(({ pid, role: name }) => `process ${pid} of ${name}`),
    )
  },
}

/** Which of the roles the role may not alter, being no superuser. */
async function notAlterable(source: Database, roles: readonly OverridingRole[], own: string): Promise<string[]> {
  const others = roles.filter(({ name }) => name !== own)
  if (others.length === 0) return []
  const [creator] = await source.query<{ may: string }>('select rolcreaterole as may from pg_roles where rolname = current_user')
  const closed: string[] = []
  for (const { oid, name, superuser } of others) {
    const granted = source.version >= SINCE_ADMIN_OPTION ? await hasAdminOption(source, oid) : true
    if (superuser === 't' || creator?.may !== 't' || !granted) closed.push(name)
  }
  return closed
}

async function hasAdminOption(source: Database, role: string): Promise<boolean> {
  const [row] = await source.query<{ may: string }>(`select pg_has_role($1::oid, 'usage with admin option') as may`, [role])
  return row?.may === 't'
}
