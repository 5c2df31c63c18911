import { ident } from '../postgres/quote.ts'
import { FIRST_FOLLOWED, followAccessChanges } from '../roles/access-change.ts'
import type { AccessChange } from '../roles/access-change.ts'
import { actingOwner } from '../roles/plan-grants.ts'
import { hindrance, ownerStatement } from '../roles/plan-owners.ts'
import { targetRole } from '../roles/role-mapping.ts'
import type { RoleMapping } from '../roles/role-mapping.ts'
import { readTargetRoles } from '../roles/target-roles.ts'
import type { TargetRoles } from '../roles/target-roles.ts'
import type { LoggedAccess, LoggedItem, LoggedRight } from './logged-ddl.ts'
import type { FollowedTables, ReplayArgs, TableReplay } from './replay-tables.ts'

/** What GRANT calls a type of object, by pg_identify_object(). */
const GRANTED_ON: Readonly<Record<string, string>> = {
  ...{ table: 'table', view: 'table', 'materialized view': 'table', 'foreign table': 'table', sequence: 'sequence' },
  ...{
    function: 'function',
    aggregate: 'function',
    procedure: 'procedure',
    schema: 'schema',
    type: 'type',
    'composite type': 'type',
    domain: 'type',
  },
}
const TABLES: ReadonlySet<string> = new Set(['table', 'foreign table'])
/** From 17 on there is a right MAINTAIN. */
const SINCE_MAINTAIN = 170000

/** Owners and grants that change on the source are planned as those of the schema phase are, and made with them, last. */
export class AccessReplay {
  readonly #args: ReplayArgs
  readonly #tables: TableReplay

  constructor(args: ReplayArgs, tables: TableReplay) {
    this.#args = args
    this.#tables = tables
  }

  concerns({ type, names }: LoggedAccess, followed: FollowedTables): boolean {
    const { selection } = this.#args
    const [schema = '', name = ''] = names
    if (selection?.roles === undefined) return false
    if (TABLES.has(type)) return followed.find(schema, name) !== undefined || this.#tables.selects({ schema, name })
    if (type === 'schema') return this.#tables.selectsWhole({ schema, name: '' })
    // Types and routines are addressed by one text.
    if (names.length < 2) return selection.objects === null
    return this.#tables.selectsWhole({ schema, name })
  }

  /** What has gone is nobody's any more. */
  async drop(items: readonly LoggedItem[]): Promise<void> {
    const { target, id } = this.#args
    const objects = items.flatMap(({ type, identity }) =>
      identity === undefined || GRANTED_ON[type] === undefined ? [] : [`${type} ${identity}`],
    )
    await target.query(
      `update pgmove.access_change set done_at = clock_timestamp() where id = $1 and done_at is null and ordinal >= $2
          and object in (select json_array_elements_text($3::json))`,
      [id, String(FIRST_FOLLOWED), JSON.stringify(objects)],
    )
  }

  async apply(all: readonly LoggedAccess[], followed: FollowedTables, lsn: string): Promise<void> {
    const { target, id, selection } = this.#args
    const mapping = selection?.roles
    const concerned = all.filter((change) => this.concerns(change, followed))
    if (concerned.length === 0 || !mapping) return
    const roles = await readTargetRoles(target)
    const changes: AccessChange[] = []
    for (const change of concerned) {
      changes.push(...(await this.#owner(change, mapping, roles, lsn)))
      if (mapping.grants === 'keep') changes.push(...(await this.#grants(change, mapping, roles, lsn)))
    }
    await followAccessChanges(target, id, changes)
  }

  async #owner(change: LoggedAccess, mapping: RoleMapping, roles: TargetRoles, lsn: string): Promise<AccessChange[]> {
    const { type, identity, column, owned, made, ownerBefore, owner, names } = change
    if (column !== null || owned || owner === ownerBefore) return []
    const role = targetRole(mapping, owner)
    if (made && role === roles.me) return []
    const statement = await this.#rewrite(
      change,
      ownerStatement({ type: GRANTED_ON[type] === 'type' ? 'type' : type, identity }, role),
      lsn,
    )
    const schema = type === 'schema' ? null : this.#args.names.schema(names[0] ?? '')
    return [{ kind: 'owner', object: `${type} ${identity}`, role, asRole: null, schema, statement, left: hindrance(role, roles) }]
  }

  async #grants(change: LoggedAccess, mapping: RoleMapping, roles: TargetRoles, lsn: string): Promise<AccessChange[]> {
    const { before, after, owner } = change
    const wanted = targetRole(mapping, owner)
    const owning = hindrance(wanted, roles) === null ? wanted : roles.me
    const changes: AccessChange[] = []
    const plan = async (right: LoggedRight, statement: (on: string, to: string) => string): Promise<void> => {
      const role = right.to === null ? null : right.to === '' ? owning : targetRole(mapping, right.to)
      const by = right.by === '' ? null : targetRole(mapping, right.by)
      const missing = [role, by].find((one) => one !== null && !roles.known.has(one))
      const left =
        missing !== undefined && missing !== null
          ? `the target has no role ${ident(missing)}`
          : right.right === 'MAINTAIN' && this.#args.target.version < SINCE_MAINTAIN
            ? "the target's version has no right MAINTAIN"
            : null
      changes.push({
        ...{ kind: 'grant', object: `${change.type} ${change.identity}`, role, schema: null, left },
        asRole: by ?? actingOwner(owning, roles),
        statement: await this.#rewrite(change, statement(grantedOn(change), role === null ? 'public' : ident(role)), lsn),
      })
    }
    const what = ({ right }: LoggedRight): string => (change.column === null ? right : `${right} (${ident(change.column)})`)
    for (const right of before) {
      const now = find(after, right)
      if (now && (now.option || !right.option)) continue
      await plan(right, (on, to) => `revoke ${now ? 'grant option for ' : ''}${what(right)} on ${on} from ${to}`)
    }
    for (const right of after) {
      const old = find(before, right)
      if (old && (old.option || !right.option)) continue
      // The owner may always grant.
      const option = right.option && right.to !== '' ? ' with grant option' : ''
      await plan(right, (on, to) => `grant ${what(right)} on ${on} to ${to}${option}`)
    }
    return changes
  }

  #rewrite({ names }: LoggedAccess, statement: string, lsn: string): Promise<string> {
    return this.#tables.rewrite({ schema: names[0] ?? '', table: names[1] ?? '' }, statement, lsn)
  }
}

function grantedOn({ type, identity }: LoggedAccess): string {
  const name = type === 'aggregate' && identity.endsWith('()') ? `${identity.slice(0, -1)}*)` : identity
  return `${GRANTED_ON[type] ?? type} ${name}`
}

function find(rights: readonly LoggedRight[], { to, by, right }: LoggedRight): LoggedRight | undefined {
  return rights.find((one) => one.to === to && one.by === by && one.right === right)
}
