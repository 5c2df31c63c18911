import type { Database } from '../postgres/connect.ts'
import type { Stage } from './entry-stage.ts'

/** An entry of the source's archive as the migration's state on the target keeps it. */
export interface StoredEntry {
  /** Place in the archive's order. */
  readonly ordinal: number
  readonly dumpId: number
  readonly stage: Stage
  /** As pg_dump calls it. */
  readonly kind: string
  readonly schema: string | null
  /** The archive's tag. */
  readonly name: string
  /** The table that it belongs to. */
  readonly table: { readonly schema: string; readonly name: string } | null
  readonly definition: string
  readonly dependencies: readonly number[]
  /** Why it counts as done although pgmove did not restore it: `exists`, or the reason. */
  readonly skipped: string | null
}

/** The entry was on the target already, equal to the source's. */
export const EXISTS = 'exists'

interface Row extends Record<string, string | null> {
  ordinal: string
  dump_id: string
  stage: Stage
  kind: string
  schema: string | null
  name: string
  table_schema: string | null
  table_name: string | null
  definition: string
  dependencies: string
  skipped: string | null
}

const CHUNK = 500

/** Replaces the entries of a migration; those with `skipped` count as done. */
export async function writeEntries(target: Database, id: string, entries: readonly StoredEntry[]): Promise<void> {
  await target.query('delete from pgmove.entry where id = $1', [id])
  for (let at = 0; at < entries.length; at += CHUNK) {
    const rows = entries.slice(at, at + CHUNK).map((entry) => ({
      ordinal: entry.ordinal,
      dump_id: entry.dumpId,
      stage: entry.stage,
      kind: entry.kind,
      schema: entry.schema,
      name: entry.name,
      table_schema: entry.table?.schema ?? null,
      table_name: entry.table?.name ?? null,
      definition: entry.definition,
      dependencies: `{${entry.dependencies.join(',')}}`,
      skipped: entry.skipped,
    }))
    await target.query(
      `insert into pgmove.entry (id, ordinal, dump_id, stage, kind, schema, name, table_schema, table_name, definition, dependencies, skipped, restored_at)
       select $1, ordinal, dump_id, stage, kind, schema, name, table_schema, table_name, definition, dependencies::int[], skipped,
              case when skipped is not null then clock_timestamp() end
         from json_to_recordset($2::json) as entry (ordinal int, dump_id int, stage text, kind text, schema text, name text, table_schema text,
              table_name text, definition text, dependencies text, skipped text)`,
      [id, JSON.stringify(rows)],
    )
  }
}

/** A table by its name on the target. */
export interface TableName {
  readonly schema: string
  readonly name: string
}

/** The entries of a stage that are still to be restored, in archive order; of these tables alone if they are given. */
export async function readRemaining(target: Database, id: string, stage: Stage, tables?: readonly TableName[]): Promise<StoredEntry[]> {
  // Two statements: with one condition for both cases, no index would lead to the tables.
  const of =
    tables && 'join (select distinct s, t from json_to_recordset($3::json) as x (s text, t text)) x on (table_schema, table_name) = (s, t)'
  const rows = await target.query<Row>(
    `select e.* from pgmove.entry e ${of ?? ''} where id = $1 and stage = $2 and restored_at is null order by ordinal`,
    [id, stage, ...(tables ? [JSON.stringify(tables.map(({ schema: s, name: t }) => ({ s, t })))] : [])],
  )
  return rows.map(storedEntry)
}

/** One entry, if it is still to be restored. */
export async function readRemainingEntry(target: Database, id: string, dumpId: number): Promise<StoredEntry | undefined> {
  const rows = await target.query<Row>('select * from pgmove.entry where id = $1 and dump_id = $2 and restored_at is null', [
    id,
    String(dumpId),
  ])
  return rows.map(storedEntry)[0]
}

/** Comments and labels on an entry's object that are still to be restored. */
export async function readFollowers(target: Database, id: string, { dumpId }: StoredEntry): Promise<StoredEntry[]> {
  const rows = await target.query<Row>(
    `select * from pgmove.entry
      where id = $1 and restored_at is null and kind in ('COMMENT', 'SECURITY LABEL') and dependencies = array[$2::int]
      order by ordinal`,
    [id, String(dumpId)],
  )
  return rows.map(storedEntry)
}

function storedEntry(row: Row): StoredEntry {
  return {
    ordinal: Number(row.ordinal),
    dumpId: Number(row.dump_id),
    stage: row.stage,
    kind: row.kind,
    schema: row.schema,
    name: row.name,
    table: row.table_schema !== null && row.table_name !== null ? { schema: row.table_schema, name: row.table_name } : null,
    definition: row.definition,
    dependencies: row.dependencies.slice(1, -1).split(',').filter(Boolean).map(Number),
    skipped: row.skipped,
  }
}

/** Locks entries for this transaction and tells which of them are still to be restored: another attempt may have been faster. */
export async function lockRemaining(target: Database, id: string, entries: readonly StoredEntry[]): Promise<StoredEntry[]> {
  const rows = await target.query<{ dump_id: string }>(
    `select dump_id from pgmove.entry where id = $1 and dump_id = any ($2::int[]) and restored_at is null order by ordinal for update`,
    [id, `{${entries.map(({ dumpId }) => dumpId).join(',')}}`],
  )
  const remaining = new Set(rows.map((row) => Number(row.dump_id)))
  return entries.filter(({ dumpId }) => remaining.has(dumpId))
}

/** Marks entries as done; with `skipped`, as done without having been restored. */
export async function markRestored(
  target: Database,
  id: string,
  entries: readonly StoredEntry[],
  skipped: string | null = null,
): Promise<void> {
  await target.query(`update pgmove.entry set restored_at = clock_timestamp(), skipped = $3 where id = $1 and dump_id = any ($2::int[])`, [
    id,
    `{${entries.map(({ dumpId }) => dumpId).join(',')}}`,
    skipped,
  ])
}
