import { loadParser } from '../mapping/sql-parser.ts'
import type { Database } from '../postgres/connect.ts'
import { ident } from '../postgres/quote.ts'
import { addAccessChanges, removeAccessChanges } from '../roles/access-change.ts'
import { planGrants } from '../roles/plan-grants.ts'
import { planOwners } from '../roles/plan-owners.ts'
import type { RoleMapping } from '../roles/role-mapping.ts'
import { readTargetRoles } from '../roles/target-roles.ts'
import type { TargetRoles } from '../roles/target-roles.ts'
import type { TocEntry } from '../schema/archive-toc.ts'
import type { LargeObjectGrant, SourceLargeObject } from './source-page.ts'

/** Behind every statement that was planned when the definitions were dumped. */
const FIRST_ORDINAL = 1_000_000_000
const RIGHTS = ['SELECT', 'UPDATE']

/**
 * Owners and grants of large objects, as those of everything else: planned by the same rules, written down, and run when the target is put
 * in order.
 */
export class LargeObjectAccess {
  readonly #target: Database
  readonly #id: string
  readonly #mapping: RoleMapping
  readonly #roles: TargetRoles
  #ordinal = FIRST_ORDINAL

  private constructor(target: Database, id: string, mapping: RoleMapping, roles: TargetRoles) {
    this.#target = target
    this.#id = id
    this.#mapping = mapping
    this.#roles = roles
  }

  /** Forgets an earlier plan: the new one is of the source as it is now. */
  static async open(target: Database, id: string, mapping: RoleMapping): Promise<LargeObjectAccess> {
    await loadParser()
    await removeAccessChanges(target, id, FIRST_ORDINAL)
    return new LargeObjectAccess(target, id, mapping, await readTargetRoles(target))
  }

  async plan(objects: readonly SourceLargeObject[]): Promise<void> {
    const entries = objects.map((object, at) => entryOf(object, 2 * at))
    const mapping = this.#mapping
    const { changes, owners } = planOwners({
      entries,
      identities: new Map(entries.map(({ dumpId, tag }) => [dumpId, { type: 'large object', identity: tag }])),
      existingOwners: new Map(),
      madeBefore: new Set(),
      followers: new Set(),
      mapping,
      roles: this.#roles,
    })
    const acls = mapping.grants === 'drop' ? [] : objects.flatMap((object, at) => aclOf(object, 2 * at))
    const grants = await planGrants({ entries: acls, owners, mapping, roles: this.#roles, version: this.#target.version })
    const all = [...changes, ...grants]
    await addAccessChanges(this.#target, this.#id, this.#ordinal, all)
    this.#ordinal += all.length
  }
}

function entryOf({ oid, owner }: SourceLargeObject, dumpId: number): TocEntry {
  return {
    ...{ dumpId, oid, tag: oid, owner, catalog: '0', kind: 'LARGE OBJECT', section: 'pre-data', definition: '' },
    ...{ schema: null, tablespace: null, accessMethod: null, dependencies: [] },
  }
}

/** As pg_dump writes an entry of kind ACL. */
function aclOf(object: SourceLargeObject, dumpId: number): TocEntry[] {
  const { oid, owner, grants } = object
  if (grants === null) return []
  const statements: string[] = []
  const isOwn = ({ grantor, grantee }: LargeObjectGrant): boolean => grantor === owner && grantee === owner
  const own = grants.filter(isOwn)
  // Until something is granted or revoked the owner has all rights.
  if (RIGHTS.some((right) => !own.some(({ privilege }) => privilege === right))) {
    statements.push(`REVOKE ALL ON LARGE OBJECT ${oid} FROM ${ident(owner)}`)
    statements.push(...own.map((grant) => grantStatement(oid, grant)))
  }
  // Whoever grants with an option of their own comes behind the owner, who gave it to them.
  const others = grants.filter((grant) => !isOwn(grant))
  const by = (isOwner: boolean): LargeObjectGrant[] => others.filter(({ grantor }) => (grantor === owner) === isOwner)
  statements.push(...by(true).map((grant) => grantStatement(oid, grant)))
  for (const grant of by(false)) {
    statements.push(`SET SESSION AUTHORIZATION ${ident(grant.grantor)}`, grantStatement(oid, grant), 'RESET SESSION AUTHORIZATION')
  }
  if (statements.length === 0) return []
  const definition = statements.map((statement) => `${statement};\n`).join('')
  return [{ ...entryOf(object, dumpId + 1), tag: `LARGE OBJECT ${oid}`, kind: 'ACL', section: 'none', definition, dependencies: [dumpId] }]
}

function grantStatement(oid: string, { grantee, privilege, grantable }: LargeObjectGrant): string {
  const option = grantable ? ' WITH GRANT OPTION' : ''
  return `GRANT ${privilege} ON LARGE OBJECT ${oid} TO ${grantee === null ? 'PUBLIC' : ident(grantee)}${option}`
}
