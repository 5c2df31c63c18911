import { ident, literal } from '../postgres/quote.ts'
import type { AccessChange } from './access-change.ts'
import type { DatabaseFacts, DatabaseSetting } from './database-settings.ts'
import { targetRole } from './role-mapping.ts'
import type { RoleMapping } from './role-mapping.ts'
import type { TargetRoles } from './target-roles.ts'

/** GUC_LIST_QUOTE: their values are lists of quoted identifiers (pg_dump's dumputils.c, variableIsGucListQuote). */
const LISTS: ReadonlySet<string> = new Set([
  'local_preload_libraries', 'search_path', 'session_preload_libraries', 'shared_preload_libraries', 'temp_tablespaces', 'unix_socket_directories',
]) // prettier-ignore
/** What could make the target unusable, by name, with the reason. */
const LEFT_TO_A_PERSON: Readonly<Record<string, string>> = {
  local_preload_libraries: 'nobody could connect if the target lacked a library',
  session_preload_libraries: 'nobody could connect if the target lacked a library',
  shared_preload_libraries: 'it is a setting of the server',
  default_transaction_read_only: 'the target would be read-only',
}
const ROLE_SETTINGS: ReadonlySet<string> = new Set(['role', 'session_authorization'])

/**
 * What the source's database has beside its schemas, as statements for the target's. Settings and the comment are made if nothing
 * else was set there; owner, connection limit and rights on the database are the business of whoever made it, and are reported.
 */
export function planSettings(source: DatabaseFacts, target: DatabaseFacts, mapping: RoleMapping, roles: TargetRoles): AccessChange[] {
  const database = `database ${ident(target.name)}`
  const change = (object: string, role: string | null, statement: string, left: string | null): AccessChange => {
    return { kind: 'setting', object, role, asRole: null, schema: null, statement, left }
  }
  const changes = source.settings.flatMap((setting) => {
    const role = setting.role === null ? null : targetRole(mapping, setting.role)
    const value = ROLE_SETTINGS.has(setting.name) ? targetRole(mapping, setting.value) : setting.value
    const there = target.settings.find((other) => other.role === role && other.name === setting.name)
    if (there?.value === value) return []
    const of = role === null ? `alter ${database}` : `alter role ${ident(role)} in ${database}`
    const object = `setting ${setting.name}${role === null ? '' : ` of ${ident(role)}`}`
    return [
      change(object, role, `${of} set ${assignment({ ...setting, value })}`, hindrance({ role, name: setting.name, value }, there, roles)),
    ]
  })
  const beside: [object: string, statement: string, left: string | null][] = []
  if (source.comment !== null && source.comment !== target.comment) {
    const left = target.comment === null ? null : "the target's database has another comment"
    beside.push([`comment on ${database}`, `comment on ${database} is ${literal(source.comment)}`, left])
  }
  const owner = targetRole(mapping, source.owner)
  if (owner !== target.owner) beside.push([`owner of ${database}`, `alter ${database} owner to ${ident(owner)}`, OF_THE_DATABASE])
  if (source.connectionLimit !== target.connectionLimit && source.connectionLimit !== '-1') {
    beside.push([`connection limit of ${database}`, `alter ${database} connection limit ${source.connectionLimit}`, OF_THE_DATABASE])
  }
  const rights = mapping.grants === 'drop' ? [] : rightsOn(database, source, target, mapping)
  if (rights.length > 0) beside.push([`rights on ${database}`, rights.join('; '), OF_THE_DATABASE])
  return [...changes, ...beside.map(([object, statement, left]) => change(object, null, statement, left))]
}

const OF_THE_DATABASE = 'it belongs to the database, which pgmove did not make'

function rightsOn(database: string, source: DatabaseFacts, target: DatabaseFacts, mapping: RoleMapping): string[] {
  const has = ({ role, privilege, grantable }: DatabaseFacts['grants'][number]): boolean =>
    target.grants.some((other) => other.role === role && other.privilege === privilege && (other.grantable || !grantable))
  const revoked = source.revokedFromPublic.filter((privilege) => !target.revokedFromPublic.includes(privilege))
  const missing = source.grants
    .map((grant) => ({ ...grant, role: grant.role === null ? null : targetRole(mapping, grant.role) }))
    .filter((grant) => grant.role !== target.owner && !has(grant))
  return [
    ...(revoked.length > 0 ? [`revoke ${revoked.join(', ').toLowerCase()} on ${database} from public`] : []),
    ...missing.map(
      ({ role, privilege, grantable }) =>
        `grant ${privilege.toLowerCase()} on ${database} to ${role === null ? 'public' : ident(role)}${grantable ? ' with grant option' : ''}`,
    ),
  ]
}

function hindrance(setting: DatabaseSetting, there: DatabaseSetting | undefined, { known }: TargetRoles): string | null {
  const { role, name, value } = setting
  if (role !== null && !known.has(role)) return `the target has no role ${ident(role)}`
  if (ROLE_SETTINGS.has(name) && value !== 'none' && !known.has(value)) return `the target has no role ${ident(value)}`
  if (there) return 'it has another value on the target'
  return LEFT_TO_A_PERSON[name] ?? null
}

/** `"work_mem" to '64MB'`. */
function assignment({ name, value }: DatabaseSetting): string {
  const variable = name.split('.').map(ident).join('.')
  if (!LISTS.has(name)) return `${variable} to ${literal(value)}`
  const names = value.match(/"(?:[^"]|"")*"|[^\s,]+/g) ?? ['']
  const plain = names.map((part) => (part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part))
  return `${variable} to ${plain.map(literal).join(', ')}`
}
