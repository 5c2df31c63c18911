import { ident } from '../postgres/quote.ts'
import type { TocEntry } from '../schema/archive-toc.ts'
import { entryName } from '../schema/entry-name.ts'
import type { AccessChange } from './access-change.ts'
import { targetRole } from './role-mapping.ts'
import type { RoleMapping } from './role-mapping.ts'
import type { TargetRoles } from './target-roles.ts'

/** What PostgreSQL itself calls an object: pg_identify_object's type and identity, under the target's names. */
export interface ObjectIdentity {
  readonly type: string
  readonly identity: string
}

export interface OwnersInput {
  /** Entries to be restored, or kept, in archive order, under the target's names. */
  readonly entries: readonly TocEntry[]
  readonly identities: ReadonlyMap<number, ObjectIdentity>
  /** The owner of an object that was on the target before, by dump id. */
  readonly existingOwners: ReadonlyMap<number, string>
  /** Existing objects that an earlier run of pgmove made: they get their owner too. */
  readonly madeBefore: ReadonlySet<number>
  /** Sequences whose owner is their table's. */
  readonly followers: ReadonlySet<number>
  readonly mapping: RoleMapping
  readonly roles: TargetRoles
}

export interface PlannedOwners {
  /** Schemas come last: their new owner may be the only one with rights in them. */
  readonly changes: readonly AccessChange[]
  /** The owner that each object will have on the target, by dump id. */
  readonly owners: ReadonlyMap<number, string>
}

/** The kinds with an ALTER … OWNER TO, as in pg_restore (pg_backup_archiver.c, _printTocEntry). */
const OWNED: ReadonlySet<string> = new Set([
  'AGGREGATE', 'COLLATION', 'CONVERSION', 'DOMAIN', 'FOREIGN DATA WRAPPER', 'FOREIGN TABLE', 'FUNCTION', 'LARGE OBJECT', 'MATERIALIZED VIEW',
  'OPERATOR', 'OPERATOR CLASS', 'OPERATOR FAMILY', 'PROCEDURAL LANGUAGE', 'PROCEDURE', 'SCHEMA', 'SEQUENCE', 'SERVER', 'STATISTICS', 'TABLE',
  'TEXT SEARCH CONFIGURATION', 'TEXT SEARCH DICTIONARY', 'TYPE', 'VIEW',
]) // prettier-ignore

/** Whether objects of the kind have an owner that can be changed. */
export function isOwned({ kind }: Pick<TocEntry, 'kind'>): boolean {
  return OWNED.has(kind)
}

/** Who owns each object on the target: the source's owner, mapped, where the target role may make it the owner; else the target role. */
export function planOwners(input: OwnersInput): PlannedOwners {
  const { mapping, roles, existingOwners, madeBefore } = input
  const owners = new Map<number, string>()
  const changes: AccessChange[] = []
  for (const entry of input.entries) {
    if (!isOwned(entry) || entry.owner === null) continue
    const role = targetRole(mapping, entry.owner)
    const identity = input.identities.get(entry.dumpId)
    const existing = existingOwners.get(entry.dumpId)
    const now = existing ?? roles.me
    const foreign = existing !== undefined && !madeBefore.has(entry.dumpId)
    const unnamed = identity ? null : 'its name on the target could not be worked out'
    const left = foreign ? 'the object was on the target already and keeps its owner' : (hindrance(role, roles) ?? unnamed)
    owners.set(entry.dumpId, left === null ? role : now)
    if (role === now || input.followers.has(entry.dumpId)) continue
    // Every database has it, with another owner by version.
    if (foreign && entry.kind === 'SCHEMA' && entry.tag === 'public') continue
    changes.push({
      kind: 'owner',
      object: entryName(entry),
      role,
      asRole: null,
      schema: entry.schema,
      statement: identity ? ownerStatement(identity, role) : '',
      left,
    })
  }
  const isSchema = ({ schema }: AccessChange): boolean => schema === null
  return { changes: [...changes.filter((change) => !isSchema(change)), ...changes.filter(isSchema)], owners }
}

/** Why a role can't become the owner of what the target role owns; null if it can. */
export function hindrance(role: string, { me, known }: TargetRoles): string | null {
  const there = known.get(role)
  if (!there) return `the target has no role ${ident(role)}`
  return role === me || there.settable ? null : `${ident(me)} may not SET ROLE to ${ident(role)}`
}

export function ownerStatement({ type, identity }: ObjectIdentity, role: string): string {
  // 10 says "statistics", later versions "statistics object"; an aggregate without arguments has a star.
  const kind = type.startsWith('statistics') ? 'statistics' : type
  const name = kind === 'aggregate' && identity.endsWith('()') ? `${identity.slice(0, -1)}*)` : identity
  return `alter ${kind} ${name} owner to ${ident(role)}`
}
