import { MigrationError } from '../errors/migration-error.ts'
import { qualified } from '../postgres/quote.ts'
import type { Database } from '../postgres/connect.ts'
import type { TableName } from './selected-tables.ts'

/** Whose something on the source is; `id` as migrationId() makes it. */
export interface InstalledBy {
  readonly id: string
  /** The UUID of the Temporal namespace: names may be reused, also by other Temporal servers. */
  readonly namespaceId: string
  readonly workflowId: string
  readonly firstRunId: string
}

export type InstalledKind = 'schema' | 'replica identity' | 'truncate trigger' | 'publication' | 'slot' | 'fence' | 'ddl capture'

export interface Installed extends Record<string, string | null> {
  kind: InstalledKind
  /** A quoted, qualified name for what belongs to a table. */
  name: string
  /** What to restore; of a replica identity: d, n, or i and the quoted name of its index. */
  previous: string | null
  /** pg_class.oid of the table, so that it is found again under another name. */
  relation: string | null
}

/** Remembers what is added or changed; to be called in the same transaction. The first record stays: it has the true state. */
export async function recordInstalled(
  source: Database,
  { id, namespaceId, workflowId, firstRunId }: InstalledBy,
  kind: InstalledKind,
  name: string,
  { previous, relation }: { previous?: string | null; relation?: string } = {},
): Promise<void> {
  await source.query(
    `insert into pgmove.installed (id, kind, name, previous, relation, namespace_id, workflow_id, first_run_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id, kind, name) do nothing`,
    [id, kind, name, previous ?? null, relation ?? null, namespaceId, workflowId, firstRunId],
  )
}

/** Whose a migration's things are, as they were recorded. */
export async function readInstalledBy(source: Database, id: string): Promise<InstalledBy> {
  const [row] = await source.query<{ namespace_id: string; workflow_id: string; first_run_id: string }>(
    `select namespace_id, workflow_id, first_run_id from pgmove.installed where id = $1 limit 1`,
    [id],
  )
  if (row) return { id, namespaceId: row.namespace_id, workflowId: row.workflow_id, firstRunId: row.first_run_id }
  const text = `On the source: nothing is recorded of migration ${id} in pgmove.installed any more. Nothing was changed. Cancel, and start again with "existing": "replace".`
  throw new MigrationError('Internal', text, { side: 'source' })
}

/** The same thing as another migration has recorded it; undefined if none has. */
export async function installedByAnother(
  source: Database,
  id: string,
  kind: InstalledKind,
  name: string,
): Promise<Pick<Installed, 'previous'> | undefined> {
  const [other] = await source.query<{ previous: string | null }>(
    'select previous from pgmove.installed where kind = $1 and name = $2 and id <> $3 limit 1',
    [kind, name, id],
  )
  return other
}

/** What a migration has added or changed, in the order in which it did. */
export async function readInstalled(source: Database, id: string): Promise<Installed[]> {
  return source.query<Installed>(
    `select kind, name, previous, relation from pgmove.installed where id = $1 order by installed_at, kind, name`,
    [id],
  )
}

export async function forgetInstalled(source: Database, id: string, kind: InstalledKind, name: string): Promise<void> {
  await source.query(`delete from pgmove.installed where id = $1 and kind = $2 and name = $3`, [id, kind, name])
}

/** Where a recorded table is now, or undefined if it was dropped. */
export async function findTable(source: Database, { name, relation }: Installed): Promise<string | undefined> {
  const [row] = await source.query<{ schema: string; name: string }>(
    `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'r' and c.oid in ($1::oid, to_regclass($2)) order by c.oid = $1::oid desc limit 1`,
    [relation, name],
  )
  return row && qualified(row.schema, row.name)
}

/** The recorded name of a table. */
export function tableLabel({ schema, name }: TableName): string {
  return qualified(schema, name)
}
