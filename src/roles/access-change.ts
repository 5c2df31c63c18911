import type { Database } from '../postgres/connect.ts'
import { ident } from '../postgres/quote.ts'
import { note } from '../state/migration-record.ts'

/** A statement about who may do what on the target, run when everything else is done. */
export interface AccessChange {
  readonly kind: 'owner' | 'grant' | 'default privileges' | 'setting'
  /** What a message calls the object. */
  readonly object: string
  /** Whom it is about: the owner to be, the grantee, the role with default privileges or settings; null for none or PUBLIC. */
  readonly role: string | null
  /** The role that has to run it; null for the target role itself. */
  readonly asRole: string | null
  /** Of owners: the schema in which the role needs the right CREATE. */
  readonly schema: string | null
  readonly statement: string
  /** Why it is left to a person; null if pgmove is to run it. */
  readonly left: string | null
}

/** A change that is still to be made. */
export interface PendingChange extends AccessChange {
  readonly ordinal: string
}

const CHUNK = 1000
/** Read at once. */
const AT_ONCE = 10_000
const COLUMNS = 'kind, object, role, as_role as "asRole", schema, statement, left_reason as "left"'

/** Replaces the changes of a migration, in the caller's transaction. */
export async function writeAccessChanges(target: Database, id: string, changes: readonly AccessChange[]): Promise<void> {
  await target.query('delete from pgmove.access_change where id = $1', [id])
  await addAccessChanges(target, id, 0, changes)
}

/** Forgets the changes from an ordinal on. */
export async function removeAccessChanges(target: Database, id: string, first: number): Promise<void> {
  await target.query('delete from pgmove.access_change where id = $1 and ordinal >= $2', [id, String(first)])
}

/** Behind every statement that was planned when the definitions were dumped, before those of large objects. */
export const FIRST_FOLLOWED = 500_000_000
const FIRST_OF_LARGE_OBJECTS = 1_000_000_000

/** Adds changes that the source has made since the definitions were dumped, in the caller's transaction. */
export async function followAccessChanges(target: Database, id: string, changes: readonly AccessChange[]): Promise<void> {
  const [row] = await target.query<{ next: string }>(
    'select coalesce(max(ordinal) + 1, $2) as next from pgmove.access_change where id = $1 and ordinal >= $2 and ordinal < $3',
    [id, String(FIRST_FOLLOWED), String(FIRST_OF_LARGE_OBJECTS)],
  )
  await addAccessChanges(target, id, Number(row?.next), changes)
}

/** Adds changes behind others; `first` is the ordinal of the first. */
export async function addAccessChanges(target: Database, id: string, first: number, changes: readonly AccessChange[]): Promise<void> {
  for (let at = 0; at < changes.length; at += CHUNK) {
    const rows = changes.slice(at, at + CHUNK).map((change, i) => ({ ordinal: first + at + i, ...change }))
    await target.query(
      `insert into pgmove.access_change (id, ordinal, kind, object, role, as_role, schema, statement, left_reason, done_at)
       select $1, ordinal, kind, object, role, "asRole", schema, statement, "left", case when "left" is not null then clock_timestamp() end
         from json_to_recordset($2::json) as change (ordinal int, kind text, object text, role text, "asRole" text, schema text, statement text, "left" text)`,
      [id, JSON.stringify(rows)],
    )
  }
}

/** What is still to be done behind an ordinal, in its order: a part of it, since a database can have millions of large objects. */
export async function pendingAccess(target: Database, id: string, after: string): Promise<PendingChange[]> {
  return target.query<PendingChange & Record<string, string | null>>(
    `select ordinal, ${COLUMNS} from pgmove.access_change where id = $1 and done_at is null and ordinal > $2 order by ordinal limit ${AT_ONCE}`,
    [id, after],
  )
}

/** How much is still to be done. */
export async function countPendingAccess(target: Database, id: string): Promise<number> {
  const [row] = await target.query<{ n: string }>('select count(*) as n from pgmove.access_change where id = $1 and done_at is null', [id])
  return Number(row?.n ?? 0)
}

/** Those of the changes that nobody has made meanwhile; locked for this transaction. */
export async function lockPending(target: Database, id: string, changes: readonly PendingChange[]): Promise<PendingChange[]> {
  const rows = await target.query<{ ordinal: string }>(
    'select ordinal from pgmove.access_change where id = $1 and ordinal = any ($2::int[]) and done_at is null order by ordinal for update',
    [id, `{${changes.map(({ ordinal }) => ordinal).join(',')}}`],
  )
  const open = new Set(rows.map(({ ordinal }) => ordinal))
  return changes.filter(({ ordinal }) => open.has(ordinal))
}

/** Marks changes as done; with a reason, as left to a person. */
export async function markDone(target: Database, id: string, changes: readonly PendingChange[], left: string | null = null): Promise<void> {
  await target.query(
    'update pgmove.access_change set done_at = clock_timestamp(), left_reason = $3 where id = $1 and ordinal = any ($2::int[]) and done_at is null',
    [id, `{${changes.map(({ ordinal }) => ordinal).join(',')}}`, left],
  )
}

interface LeftRow extends Record<string, string | null> {
  kind: AccessChange['kind']
  role: string | null
  count: string
  reasons: string
  reason: string
  objects: string
  statement: string
}

/** One note for each role about what is left to a person, with the first objects and a statement; settings one by one. */
export async function noteLeftAccess(target: Database, id: string): Promise<void> {
  const rows = await target.query<LeftRow>(
    `select kind, role, count(*) as count, count(distinct left_reason) as reasons, (array_agg(left_reason order by ordinal))[1] as reason,
            array_to_string((array_agg(object order by ordinal))[1:3], ', ') as objects, (array_agg(statement order by ordinal))[1] as statement
       from pgmove.access_change where id = $1 and left_reason is not null
      group by kind, role, case kind when 'setting' then ordinal end order by min(ordinal)`,
    [id],
  )
  for (const row of rows) await note(target, id, 'skipped', subject(row), explanation(row))
}

function subject({ kind, role, objects }: LeftRow): string {
  if (kind === 'setting') return objects
  if (kind === 'owner') return `owner ${ident(role ?? '')}`
  const of = role === null ? '' : ident(role)
  if (kind === 'grant') return of === '' ? 'grants' : `grants to ${of}`
  return of === '' ? 'default privileges' : `default privileges of ${of}`
}

function explanation({ kind, count, reasons, reason, objects, statement }: LeftRow): string {
  const others = reasons === '1' ? '' : ' (and other reasons)'
  if (kind === 'setting') return `It was not set: ${reason}. To set it: ${statement}`
  const more = Number(count) > 3 ? ', …' : ''
  const what = kind === 'owner' ? 'objects did not get this owner' : 'statements were left out'
  return `${count} ${what}: ${reason}${others}: ${objects}${more}. The first: ${statement}; all are in pgmove.access_change on the target.`
}
