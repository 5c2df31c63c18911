import { sqlState } from '../errors/classify.ts'
import { NameMap } from '../mapping/name-map.ts'
import type { Database } from '../postgres/connect.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { selects } from '../spec/selection.ts'

export interface TableName {
  readonly schema: string
  readonly name: string
}

export interface SourceColumn {
  readonly name: string
  /** As format_type() prints it, with its modifier. */
  readonly type: string
  readonly notNull: boolean
  /** '' for an ordinary column, 's' stored, 'v' virtual (18+). */
  readonly generated: '' | 's' | 'v'
  /** '' for none, 'a' generated always, 'd' by default. */
  readonly identity: '' | 'a' | 'd'
}

/** A table of the source that is migrated: an ordinary table, a partitioned table, or a partition of one. */
export interface SelectedTable extends TableName {
  readonly oid: string
  /** 'r' holds rows, 'p' only has partitions. */
  readonly kind: 'r' | 'p'
  /** The partitioned table right above. */
  readonly partitionOf?: TableName
  /** The topmost partitioned table; the selection asks for its name only. */
  readonly root?: TableName
  /** 'p' permanent, 'u' unlogged: never streamed. */
  readonly persistence: 'p' | 'u'
  readonly columns: readonly SourceColumn[]
  /** pg_class.relreplident. */
  readonly identity: 'd' | 'n' | 'f' | 'i'
  /**
   * Whether UPDATE and DELETE name their row in the stream by selected columns, and so work on the source once the table is published.
   */
  readonly usableIdentity: boolean
  /** The columns of the key are not all selected: the replica identity, whatever it is, does not name a row of the target. */
  readonly keyLeftOut: boolean
  /** Whether the key of the replica identity has a generated column. */
  readonly generatedKey: boolean
  /** Estimated from the server's statistics; '0' if there are none. */
  readonly estimatedRows: string
  /** What COPY will make of the rows, where that was measured. */
  readonly expectedBytes?: string
  /** Size without indexes, with TOAST. */
  readonly bytes: string
}

interface TableRow extends Record<string, string | null> {
  oid: string
  schema: string
  name: string
  kind: 'r' | 'p'
  parent: string | null
  persistence: 'p' | 'u'
  identity: 'd' | 'n' | 'f' | 'i'
  identity_index: string | null
  generated_key: string
  key_columns: string
  estimated_rows: string
  /** Pages when the rows were estimated, if they were not counted on since. */
  estimated_at_pages: string | null
  estimated_bytes: string
}

interface ColumnRow extends Record<string, string | null> {
  oid: string
  name: string
  type: string
  not_null: string
  generated: '' | 's' | 'v'
  identity: '' | 'a' | 'd'
}

/**
 * Tables that the spec selects, with their columns, in order of their names. A partition goes with its topmost root. Temporary
 * tables and those of extensions never count. Reads the catalogue only; tables that are locked exclusively don't hold it up.
 *
 * @param names which columns are selected; default: all
 */
export async function readSelectedTables(
  source: Database,
  spec: Pick<MigrationSpec, 'objects' | 'exclude'>,
  names: NameMap = new NameMap(),
): Promise<SelectedTable[]> {
  const all = await readTables(source)
  const byOid = new Map(all.map((table) => [table.oid, table]))
  const rootOf = (table: TableRow): TableRow => {
    let root = table
    for (let above = parentOf(table); above; above = parentOf(above)) root = above
    return root
  }
  const parentOf = ({ parent }: TableRow) => (parent === null ? undefined : byOid.get(parent))
  const selected = all.filter((table) => {
    const root = rootOf(table)
    return selects(spec, root.schema, root.name)
  })
  const oids = `{${selected.map(({ oid }) => oid).join(',')}}`
  const columns = await readColumns(source, oids)
  const sizes = await readSizes(source, oids)
  return selected.map((table) => {
    const parent = parentOf(table)
    const own = columns.get(table.oid) ?? []
    const key = JSON.parse(table.key_columns) as string[]
    const keyLeftOut = key.some((column) => names.column(table, column) === undefined)
    return {
      oid: table.oid,
      schema: table.schema,
      name: table.name,
      kind: table.kind,
      ...(parent ? { partitionOf: nameOf(parent), root: nameOf(rootOf(table)) } : {}),
      persistence: table.persistence,
      columns: own,
      identity: table.identity,
      usableIdentity: isUsable(source.version, table, own) && !(keyLeftOut && table.identity !== 'f'),
      keyLeftOut,
      generatedKey: table.generated_key === 't',
      estimatedRows: scaledRows(table, sizes.get(table.oid)),
      bytes: sizes.get(table.oid)?.bytes ?? table.estimated_bytes,
    }
  })
}

/** As the planner does: the rows grow with the pages. */
function scaledRows({ estimated_rows: rows, estimated_at_pages: pages }: TableRow, size: TableSize | undefined): string {
  return pages === null || !size ? rows : String((BigInt(rows) * BigInt(size.pages)) / BigInt(pages))
}

function nameOf({ schema, name }: TableRow): TableName {
  return { schema, name }
}

function isUsable(version: number, table: TableRow, columns: readonly SourceColumn[]): boolean {
  // Under FULL a published UPDATE or DELETE is refused if a column is left out of the stream (18, virtual columns).
  if (table.identity === 'f') return !columns.some(({ generated }) => generated === 'v')
  // Up to 17 a generated column is never sent, so a key with one does not name its row.
  return table.identity_index !== null && (version >= 180000 || table.generated_key === 'f')
}

/**
 * The statistics system counts rows on from the last ANALYZE or VACUUM, or from the table's creation; but it forgets all in a crash, at a
 * promotion and in pg_upgrade, and then reltuples is what remains.
 *
 * The replica identity index is found as RelationGetIndexList finds it: valid, unique, immediate, without predicate.
 */
async function readTables(source: Database): Promise<TableRow[]> {
  const generated = source.version >= 120000 ? `a.attgenerated <> ''` : 'false'
  // Columns of INCLUDE belong to no key.
  const keys = source.version >= 110000 ? '(i.indkey::int2[])[0:i.indnkeyatts - 1]' : 'i.indkey::int2[]'
  return source.query<TableRow>(
    `select c.oid, n.nspname as schema, c.relname as name, c.relkind as kind, p.inhparent as parent, c.relpersistence as persistence,
            c.relreplident as identity, i.indexrelid as identity_index,
            exists (select from pg_attribute a where a.attrelid = c.oid and a.attnum = any (i.indkey::int2[]) and ${generated}) as generated_key,
            array_to_json(array(select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum = any (${keys}))) as key_columns,
            case when e.counted or c.reltuples <= 0 then pg_stat_get_live_tuples(c.oid) else c.reltuples::numeric::bigint end as estimated_rows,
            case when not e.counted and c.reltuples > 0 and c.relpages > 0 then c.relpages end as estimated_at_pages,
            (c.relpages + coalesce(t.relpages, 0))::bigint * current_setting('block_size')::bigint as estimated_bytes
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
       left join pg_inherits p on p.inhrelid = c.oid and c.relispartition
       left join pg_class t on t.oid = c.reltoastrelid
       cross join lateral (
         select coalesce(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid),
                         pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)) is not null as counted
       ) e
       left join pg_index i on i.indrelid = c.oid and i.indisvalid and i.indisunique and i.indimmediate and i.indpred is null
                           and case c.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident else false end
      where c.relkind in ('r', 'p') and c.relpersistence <> 't'
        and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
        and not exists (select from pg_depend d
                         where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.objsubid = 0 and d.deptype = 'e')
      order by n.nspname, c.relname`,
  )
}

async function readColumns(source: Database, oids: string): Promise<Map<string, SourceColumn[]>> {
  const generated = source.version >= 120000 ? 'attgenerated' : `''`
  const rows = await source.query<ColumnRow>(
    `select attrelid as oid, attname as name, format_type(atttypid, atttypmod) as type, attnotnull as not_null,
            ${generated} as generated, attidentity as identity
       from pg_attribute
      where attrelid = any ($1::oid[]) and attnum > 0 and not attisdropped
      order by attrelid, attnum`,
    [oids],
  )
  const columns = new Map<string, SourceColumn[]>()
  for (const { oid, name, type, not_null, generated, identity } of rows) {
    const column = { name, type, notNull: not_null === 't', generated, identity }
    const before = columns.get(oid)
    if (before) before.push(column)
    else columns.set(oid, [column])
  }
  return columns
}

interface TableSize {
  readonly bytes: string
  /** Of the table itself, without TOAST. */
  readonly pages: string
}

/** Exact sizes; none at all if a table is locked exclusively, since pg_table_size() waits for it. */
async function readSizes(source: Database, oids: string): Promise<Map<string, TableSize>> {
  try {
    const rows = await source.query<{ oid: string; bytes: string | null; pages: string }>(
      `begin read only; savepoint sizes; set local lock_timeout = '200ms';
       select oid, pg_table_size(oid) as bytes, pg_relation_size(oid) / current_setting('block_size')::bigint as pages from unnest('${oids}'::oid[]) as oid`,
    )
    await source.query('commit')
    return new Map(rows.flatMap(({ oid, bytes, pages }) => (bytes === null ? [] : [[oid, { bytes, pages }] as const])))
  } catch (error) {
    await source.query('rollback').catch(() => undefined)
    if (sqlState(error) === '55P03') return new Map()
    throw error
  }
}
