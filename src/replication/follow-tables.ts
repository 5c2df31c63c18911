import { NameMap } from '../mapping/name-map.ts'
import type { RelationName } from '../mapping/name-map.ts'
import { loadParser, rewriteDefinition } from '../mapping/rewrite-definition.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import { foreignKeyObject } from '../schema/stand-in-foreign-key.ts'
import type { MigratedTable } from '../state/migrated-table.ts'

/** A table that came while changes are streamed joins the migration's: it has all that it had at its creation, or is marked by the caller. */
export async function joinTables(target: Database, id: string, table: MigratedTable): Promise<void> {
  await target.query(
    `insert into pgmove.migrated_table (id, source_schema, source_table, target_schema, target_table, source_oid, columns, copied_at, indexed_at)
     values ($1, $2, $3, $4, $5, $6, $7, clock_timestamp(), clock_timestamp())`,
    [
      id,
      table.sourceSchema,
      table.sourceTable,
      table.targetSchema,
      table.targetTable,
      table.sourceOid ?? null,
      table.columns === undefined ? null : JSON.stringify([...table.columns]),
    ],
  )
}

/** Columns that are dropped are no longer chosen, by their names on the target. */
export async function leaveColumns(
  target: Database,
  id: string,
  { sourceSchema, sourceTable, columns }: MigratedTable,
  dropped: readonly string[],
): Promise<void> {
  if (!columns || dropped.length === 0) return
  const kept = [...columns].filter(([, name]) => !dropped.includes(name))
  await target.query(`update pgmove.migrated_table set columns = $4 where id = $1 and source_schema = $2 and source_table = $3`, [
    id,
    sourceSchema,
    sourceTable,
    JSON.stringify(kept),
  ])
}

/** A table that is dropped takes along what was still to be made or put back of it. */
export async function leaveTables(
  target: Database,
  id: string,
  { sourceSchema, sourceTable, targetSchema, targetTable }: MigratedTable,
): Promise<void> {
  for (const table of ['migrated_table', 'copy_progress', 'copy_chunk'])
    await target.query(`delete from pgmove.${table} where id = $1 and source_schema = $2 and source_table = $3`, [
      id,
      sourceSchema,
      sourceTable,
    ])
  await forgetOfTable(target, id, { schema: targetSchema, name: targetTable })
}

/** Nothing of the table, by its name on the target, is to be made or put back any more. */
export async function forgetOfTable(target: Database, id: string, { schema, name }: RelationName): Promise<void> {
  await target.query(
    `update pgmove.entry set restored_at = clock_timestamp(), skipped = 'dropped on the source'
      where id = $1 and restored_at is null and table_schema = $2 and table_name = $3`,
    [id, schema, name],
  )
  await target.query(
    `update pgmove.object_change set restored_at = clock_timestamp() where id = $1 and restored_at is null and ${OF_LABEL}`,
    [id, qualified(schema, name)],
  )
}

const OF_LABEL = `(object = $2 or left(object, length($2) + 1) in ($2 || ' ', $2 || '.'))`

/**
 * Has what is still to be made or put back say a table's new name.
 *
 * @throws UnrewritableError where a definition mentions the table and can't be rewritten exactly
 */
export async function renameTableInPending(target: Database, id: string, from: RelationName, to: RelationName): Promise<void> {
  const label = qualified(from.schema, from.name)
  await rewritePending(target, id, from.name, new NameMap({ schemas: [], tables: [{ ...from, as: to.name, into: to.schema }] }), (end) =>
    renamed(end, from, to),
  )
  await target.query(
    `update pgmove.object_change set object = $3 || substr(object, length($2) + 1) where id = $1 and restored_at is null and ${OF_LABEL}`,
    [id, label, qualified(to.schema, to.name)],
  )
  await target.query(
    `update pgmove.entry set table_schema = $4, table_name = $5,
            name = case when left(name, length($3) + 1) = $3 || ' ' then $5 || substr(name, length($3) + 1) else name end
      where id = $1 and table_schema = $2 and table_name = $3`,
    [id, from.schema, from.name, to.schema, to.name],
  )
}

/** The same for a schema; tables in it get theirs by `renameTableInPending`. @throws UnrewritableError */
export async function renameSchemaInPending(target: Database, id: string, from: string, to: string): Promise<void> {
  await rewritePending(target, id, from, new NameMap({ schemas: [[from, to]], tables: [] }), (end) => end)
  await target.query(`update pgmove.entry set schema = $3 where id = $1 and schema = $2`, [id, from, to])
}

/** Whether anything that is still to be made or put back mentions the name as a word. */
export async function isPending(target: Database, id: string, name: string): Promise<boolean> {
  const word = `(^|[^\\w$])${name.replace(/[^\p{L}\p{N}_]/gu, '\\$&')}($|[^\\w$])`
  const rows = await target.query(
    `select from pgmove.entry where id = $1 and restored_at is null and definition ~ $2
     union all select from pgmove.object_change where id = $1 and restored_at is null and restore ~ $2 limit 1`,
    [id, word],
  )
  return rows.length > 0
}

type End = [schema: string, table: string]

async function rewritePending(target: Database, id: string, mentioned: string, map: NameMap, rename: (end: End) => End): Promise<void> {
  const entries = await target.query<{ dump_id: string; definition: string }>(
    `select dump_id, definition from pgmove.entry where id = $1 and restored_at is null and position($2 in definition) > 0`,
    [id, mentioned],
  )
  const changes = await target.query<{ ordinal: string; restore: string; tables: string | null }>(
    `select ordinal, restore, tables from pgmove.object_change where id = $1 and restored_at is null and position($2 in restore) > 0`,
    [id, mentioned],
  )
  const access = await target.query<{ ordinal: string; statement: string }>(
    `select ordinal, statement from pgmove.access_change where id = $1 and done_at is null and position($2 in statement) > 0`,
    [id, mentioned],
  )
  await loadParser()
  const rewrite = (text: string): string => rewriteDefinition(text, map).definition
  for (const { ordinal, statement } of access)
    await target.query('update pgmove.access_change set statement = $3 where id = $1 and ordinal = $2', [id, ordinal, rewrite(statement)])
  for (const { dump_id, definition } of entries)
    await target.query('update pgmove.entry set definition = $3 where id = $1 and dump_id = $2', [id, dump_id, rewrite(definition)])
  for (const { ordinal, restore, tables } of changes) {
    const ends = tables === null ? null : JSON.stringify((JSON.parse(tables) as End[]).map(rename))
    await target.query('update pgmove.object_change set restore = $3, tables = $4 where id = $1 and ordinal = $2', [
      id,
      ordinal,
      rewrite(restore),
      ends,
    ])
  }
}

function renamed([schema, name]: [string, string], from: RelationName, to: RelationName): [string, string] {
  return schema === from.schema && name === from.name ? [to.schema, to.name] : [schema, name]
}

/** The migration's table under its new names. */
export async function renameMigrated(target: Database, id: string, was: MigratedTable, now: MigratedTable): Promise<void> {
  await target.query(
    `update pgmove.migrated_table set source_schema = $4, source_table = $5, target_schema = $6, target_table = $7
      where id = $1 and source_schema = $2 and source_table = $3`,
    [id, was.sourceSchema, was.sourceTable, now.sourceSchema, now.sourceTable, now.targetSchema, now.targetTable],
  )
}

/** A foreign key is made at the cutover, when its rows are checked: while changes are applied it may break for a moment, or act. */
export async function addForeignKeyLater(
  target: Database,
  id: string,
  table: RelationName,
  name: string,
  statement: string,
): Promise<void> {
  await target.query(
    `insert into pgmove.object_change as o (id, kind, object, own, restore) values ($1, 'foreign_key', $2, true, $3)
     on conflict (id, kind, object) do update set restore = excluded.restore, restored_at = null where o.restored_at is not null`,
    [id, foreignKeyObject(table.schema, table.name, name), statement],
  )
}
