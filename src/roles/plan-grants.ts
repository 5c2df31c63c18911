import { setImmediate } from 'node:timers/promises'
import { ident } from '../postgres/quote.ts'
import type { TocEntry } from '../schema/archive-toc.ts'
import type { AccessChange } from './access-change.ts'
import { targetRole } from './role-mapping.ts'
import type { RoleMapping } from './role-mapping.ts'
import { roleStatements } from './role-statement.ts'
import type { RoleStatement } from './role-statement.ts'
import type { TargetRoles } from './target-roles.ts'
import { withoutMaintain } from './without-maintain.ts'

export interface GrantsInput {
  /** ACL and DEFAULT ACL entries under the target's names. */
  readonly entries: readonly TocEntry[]
  /** The owner that each object will have on the target, by dump id. */
  readonly owners: ReadonlyMap<number, string>
  readonly mapping: RoleMapping
  readonly roles: TargetRoles
  /** server_version_num of the target. */
  readonly version: number
}

/**
 * The grants that can be kept, and those left to a person, statement by statement. A grant is never given to another role than the
 * source's, mapped; only the object's owner is whoever owns it on the target.
 */
export async function planGrants(input: GrantsInput): Promise<AccessChange[]> {
  const onSchemas: AccessChange[] = []
  const others: AccessChange[] = []
  const defaults: AccessChange[] = []
  for (const [n, entry] of input.entries.entries()) {
    if (n % AT_ONCE === 0) await setImmediate()
    const list = entry.kind === 'DEFAULT ACL' ? defaults : entry.tag.startsWith('SCHEMA ') ? onSchemas : others
    list.push(...planEntry(entry, input))
  }
  // Whoever grants something in a schema needs a right on the schema. Default privileges would change what is created after them.
  return [...onSchemas, ...others, ...defaults]
}

function planEntry(entry: TocEntry, input: GrantsInput): AccessChange[] {
  const { roles, mapping, version } = input
  const isDefault = entry.kind === 'DEFAULT ACL'
  const dependency = entry.dependencies.find((id) => input.owners.has(id))
  const owner = isDefault || dependency === undefined ? undefined : input.owners.get(dependency)
  const name = (role: string): string => (owner !== undefined && role === entry.owner ? owner : targetRole(mapping, role))
  return roleStatements(entry.definition).map((statement) => {
    const whole = statement.renamed(name)
    const text = version < SINCE_MAINTAIN ? withoutMaintain(whole) : whole
    const grantor = statement.grantor === null ? undefined : name(statement.grantor)
    const last = statement.roles.at(-1)
    // Default privileges are about the role that creates, grants about the one that gets them.
    const about = isDefault ? statement.roles[0] : last
    const creator = isDefault && about !== undefined ? name(about) : undefined
    const asRole = grantor !== undefined && grantor !== owner ? grantor : actingOwner(owner ?? creator, roles)
    return {
      kind: isDefault ? ('default privileges' as const) : ('grant' as const),
      object: objectOf(entry),
      role: about === undefined ? null : name(about),
      asRole,
      schema: null,
      statement: text ?? whole,
      left: text === undefined ? "the target's version has no right MAINTAIN" : hindrance(statement, name, grantor, input),
    }
  })
}

const SINCE_MAINTAIN = 170000
/** Statements parsed between two turns of the event loop: heartbeats must not wait for tens of thousands. */
const AT_ONCE = 100

/** Whom the target role has to become, because it is a member of the owner without having its rights. */
export function actingOwner(owner: string | undefined, { me, known }: TargetRoles): string | null {
  if (owner === undefined || owner === me) return null
  const role = known.get(owner)
  return role && !role.usable && role.settable ? owner : null
}

function hindrance(
  { roles: named }: RoleStatement,
  name: (role: string) => string,
  grantor: string | undefined,
  { roles: { me, known } }: GrantsInput,
): string | null {
  const missing = [...named.map(name), ...(grantor === undefined ? [] : [grantor])].find((role) => !known.has(role))
  if (missing !== undefined) return `the target has no role ${ident(missing)}`
  if (grantor === undefined || grantor === me || known.get(grantor)?.settable) return null
  return `${ident(grantor)} granted it, and ${ident(me)} may not SET ROLE to ${ident(grantor)}`
}

/** `TABLE "app".orders`, from the tag `TABLE orders`. */
function objectOf({ kind, schema, tag }: TocEntry): string {
  if (kind === 'DEFAULT ACL') return `${tag}${schema === null ? '' : ` in ${ident(schema)}`}`
  const parts = /^([A-Z ]+) (.*)$/s.exec(tag)
  return schema === null || !parts ? tag : `${parts[1]} ${ident(schema)}.${parts[2]}`
}
