import { setImmediate } from 'node:timers/promises'
import { UnrewritableError } from '../mapping/unrewritable-error.ts'
import type { Database } from '../postgres/connect.ts'
import type { TocEntry } from '../schema/archive-toc.ts'
import { entryKey } from '../schema/entry-stage.ts'
import type { EntryTable } from '../schema/entry-tables.ts'
import type { AccessChange } from './access-change.ts'
import { readDatabaseFacts } from './database-settings.ts'
import { planGrants } from './plan-grants.ts'
import { isOwned, ownerStatement, planOwners } from './plan-owners.ts'
import type { ObjectIdentity } from './plan-owners.ts'
import { planSettings } from './plan-settings.ts'
import { targetRole } from './role-mapping.ts'
import type { RoleMapping } from './role-mapping.ts'
import { readTargetRoles } from './target-roles.ts'

export interface AccessInput {
  readonly source: Database
  readonly target: Database
  readonly id: string
  /** The whole archive of the source. */
  readonly archive: readonly TocEntry[]
  /** Selected entries under the target's names, ACL and DEFAULT ACL entries among them. */
  readonly entries: readonly TocEntry[]
  /** Dump ids of those that are on the target already. */
  readonly kept: ReadonlySet<number>
  /** The target's own archive. */
  readonly existing: readonly TocEntry[]
  readonly tables: ReadonlyMap<number, EntryTable>
  readonly mapping: RoleMapping
  /** Everything is migrated: grants on system objects, and what belongs to the database, come along. */
  readonly everything: boolean
  /** Brings a statement under the target's names. Default: names are kept. */
  readonly rewrite?: (statement: string) => string
}

/** Whether an entry says who may do what: such entries are no part of the definitions. */
export function isAccess({ kind }: Pick<TocEntry, 'kind'>): boolean {
  return kind === 'ACL' || kind === 'DEFAULT ACL'
}

/** Every statement about owners, grants, default privileges and settings, in order. Changes nothing. */
export async function planAccess(input: AccessInput): Promise<AccessChange[]> {
  const { source, target, entries, kept, mapping, everything } = input
  const roles = await readTargetRoles(target)
  const objects = entries.filter((entry) => !isAccess(entry))
  const existingOwners = await readExistingOwners(input, roles.me)
  const isChanged = ({ dumpId, owner }: TocEntry): boolean =>
    owner !== null && targetRole(mapping, owner) !== (existingOwners.get(dumpId) ?? roles.me)
  const { changes, owners } = planOwners({
    entries: objects,
    identities: await readIdentities(source, objects.filter(isChanged), input.rewrite),
    existingOwners,
    madeBefore: await readMadeBefore(input),
    followers: followersOf(objects, input.tables),
    mapping,
    roles,
  })
  const known = new Set(input.archive.map(({ dumpId }) => dumpId))
  const selected = new Set(entries.map(({ dumpId }) => dumpId))
  // Of objects that every database has, pg_dump gives only the grants.
  const onSystem = input.archive.filter(
    (entry) => everything && entry.kind === 'ACL' && !selected.has(entry.dumpId) && !entry.dependencies.some((id) => known.has(id)),
  )
  const grants = mapping.grants === 'drop' ? [] : [...entries.filter(isAccess), ...onSystem]
  // Under other names, equal words would say something else.
  const isThere = ({ dumpId }: TocEntry): boolean => kept.has(dumpId) && Object.keys(mapping.map).length === 0
  return [
    ...changes,
    ...(await planGrants({ entries: grants.filter((entry) => !isThere(entry)), owners, mapping, roles, version: target.version })),
    ...(everything ? planSettings(await readDatabaseFacts(source), await readDatabaseFacts(target), mapping, roles) : []),
  ]
}

/** A remark on what `"grants": "drop"` left out, if anything was. */
export function droppedGrants(entries: readonly TocEntry[]): { object: string; text: string }[] {
  const dropped = entries.filter(isAccess)
  if (dropped.length === 0) return []
  const toPublic = dropped.filter(({ definition }) => /^REVOKE .* FROM PUBLIC;$/m.test(definition)).length
  const remark = {
    object: 'grants',
    text:
      `Grants and revocations on ${dropped.length} objects were left out, as "roles.grants" is "drop"` +
      `${toPublic > 0 ? `; ${toPublic} of them took rights from PUBLIC, which it has on the target` : ''}.`,
  }
  return [remark]
}

/** What pg_identify_object says on the source, under the target's names. */
async function readIdentities(
  source: Database,
  entries: readonly TocEntry[],
  rewrite: (statement: string) => string = (statement) => statement,
): Promise<Map<number, ObjectIdentity>> {
  const keys = entries.filter((entry) => isOwned(entry) && entry.catalog !== '0' && entry.oid !== '0')
  const rows = await source.query<{ key: string; type: string | null; identity: string | null }>(
    `select catalog || ':' || object as key, i.type, i.identity
       from json_to_recordset($1::json) as x (catalog oid, object oid) cross join lateral pg_identify_object(catalog, object, 0) as i`,
    [JSON.stringify(keys.map(({ catalog, oid }) => ({ catalog, object: oid })))],
  )
  const byKey = new Map(rows.map((row) => [row.key, row]))
  const identities = new Map<number, ObjectIdentity>()
  for (const [n, entry] of keys.entries()) {
    if (n % AT_ONCE === 0) await setImmediate()
    const row = byKey.get(entryKey(entry))
    const known = row?.type && row.identity ? mapped({ type: row.type, identity: row.identity }, rewrite) : undefined
    if (known) identities.set(entry.dumpId, known)
  }
  return identities
}

/** Undefined if the statement can't be written anew. */
function mapped({ type, identity }: ObjectIdentity, rewrite: (statement: string) => string): ObjectIdentity | undefined {
  const statement = `${ownerStatement({ type, identity }, NOBODY)};`
  try {
    const rewritten = rewrite(statement)
    if (rewritten === statement) return { type, identity }
    const kind = ownerStatement({ type, identity: '' }, NOBODY).split(' owner to ')[0]?.trim() ?? ''
    const match = /^(.*) owner to /is.exec(rewritten.trim())?.[1] ?? ''
    return match.toLowerCase().startsWith(`${kind} `) ? { type, identity: match.slice(kind.length + 1) } : undefined
  } catch (error) {
    if (error instanceof UnrewritableError) return undefined
    throw error
  }
}

const NOBODY = 'o'
/** Statements parsed between two turns of the event loop: heartbeats must not wait for tens of thousands. */
const AT_ONCE = 100

/** The owners of kept objects, by the source's dump id. */
async function readExistingOwners({ target, entries, kept, existing }: AccessInput, me: string): Promise<Map<number, string>> {
  const key = ({ kind, schema, tag }: TocEntry): string => `${kind}\0${schema ?? ''}\0${tag}`
  const there = new Map(existing.map((entry) => [key(entry), entry.owner]))
  const schemas = await target.query<{ name: string; owner: string }>(
    'select nspname as name, pg_get_userbyid(nspowner) as owner from pg_namespace',
  )
  for (const { name, owner } of schemas) there.set(`SCHEMA\0\0${name}`, owner)
  return new Map(entries.filter(({ dumpId }) => kept.has(dumpId)).map((entry) => [entry.dumpId, there.get(key(entry)) ?? me]))
}

/** Kept objects that an earlier run into this database had made. */
async function readMadeBefore({ target, id, entries, kept }: AccessInput): Promise<Set<number>> {
  if (kept.size === 0) return new Set()
  const rows = await target.query<{ kind: string; schema: string | null; name: string }>(
    `select distinct kind, schema, name from pgmove.entry where id <> $1 and restored_at is not null and skipped is null`,
    [id],
  )
  const made = new Set(rows.map(({ kind, schema, name }) => `${kind}\0${schema ?? ''}\0${name}`))
  const wanted = entries.filter(({ dumpId, kind, schema, tag }) => kept.has(dumpId) && made.has(`${kind}\0${schema ?? ''}\0${tag}`))
  return new Set(wanted.map(({ dumpId }) => dumpId))
}

/** Sequences that a selected table's column owns: ALTER TABLE … OWNER takes them along, and by themselves they can't change. */
function followersOf(entries: readonly TocEntry[], tables: ReadonlyMap<number, EntryTable>): Set<number> {
  const own = new Set(
    entries.filter(({ kind }) => kind === 'TABLE' || kind === 'FOREIGN TABLE').map(({ dumpId }) => tableKey(tables.get(dumpId))),
  )
  return new Set(
    entries
      .filter(({ kind, dumpId }) => kind === 'SEQUENCE' && tables.has(dumpId) && own.has(tableKey(tables.get(dumpId))))
      .map(({ dumpId }) => dumpId),
  )
}

function tableKey(table: EntryTable | undefined): string {
  return table ? `${table.schema}\0${table.name}` : ''
}
