import type { Database, TextRow } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'

/** OID of numeric (pg_type.dat). */
const NUMERIC = '1700'

export interface TargetColumn {
  readonly name: string
  /** Of a domain its base type's, as for the two below. */
  readonly typeOid: number
  readonly typmod: number
  /** The type's qualified name without modifier, to cast text to: a modifier would cut values silently. */
  readonly type: string
  /** What makes a value of `type` print as the column prints it: numeric pads to its scale. */
  readonly asStored: string
  /** Computed by the target itself. */
  readonly generated: boolean
  /** Whether `=` takes only byte-wise equal values for equal: false where the collation is nondeterministic. */
  readonly deterministic: boolean
  /** Whether a cast from text means the type's input function, as it does but for the types with a cast function of their own. */
  readonly castable: boolean
  /** Of an enum type. */
  readonly enumerated: boolean
}

/** An index that keeps rows apart. */
export interface UniqueIndex {
  readonly name: string
  /** Undefined if it has expressions, a predicate or is an exclusion constraint's: such an index identifies no row. */
  readonly columns:
    readonly { readonly name: string; /** OPERATOR(…) under which the index keeps rows apart. */ readonly equals: string }[] | undefined
  readonly primary: boolean
  /** Checked at once, so that no two rows have the same key within a transaction either. */
  readonly immediate: boolean
  readonly notNull: boolean
}

/** A table of the target as its catalogue describes it. */
export interface TargetTable {
  readonly oid: string
  readonly schema: string
  readonly name: string
  /** Quoted and qualified. */
  readonly label: string
  /** For UPDATE, DELETE and TRUNCATE: with ONLY, unless its rows stand in partitions. */
  readonly only: string
  readonly partitioned: boolean
  /** Whether columns of it were dropped, as pgmove never does. */
  readonly dropped: boolean
  readonly columns: ReadonlyMap<string, TargetColumn>
  readonly indexes: readonly UniqueIndex[]
}

interface ColumnRow extends TextRow {
  oid: string
  kind: string
  dropped: string
  name: string | null
  type_oid: string
  typmod: string
  type: string
  modified: string
  generated: string
  deterministic: string
  castable: string
  enumerated: string
}
interface IndexRow extends TextRow {
  index: string
  index_name: string
  primary: string
  immediate: string
  plain: string
  name: string | null
  not_null: string | null
  operator_schema: string | null
  operator: string | null
}

/** Reads a table's columns and unique indexes; undefined if there is no such table. */
export async function readTargetTable(target: Database, schema: string, name: string): Promise<TargetTable | undefined> {
  const newer = target.version >= 120000
  const columns = await target.query<ColumnRow>(
    `with recursive tab as (
       select c.oid, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p')
     ), base as (
       select a.attnum, a.atttypid as type, a.atttypmod as typmod from tab join pg_attribute a on a.attrelid = tab.oid and a.attnum > 0 and not a.attisdropped
       union all
       select b.attnum, t.typbasetype, t.typtypmod from base b join pg_type t on t.oid = b.type where t.typtype = 'd'
     )
     select tab.oid, tab.relkind as kind, exists (select from pg_attribute d where d.attrelid = tab.oid and d.attnum > 0 and d.attisdropped) as dropped, a.attname as name, t.oid as type_oid, b.typmod, format_type(t.oid, -1) as type, format_type(t.oid, b.typmod) as modified,
            ${newer ? `a.attgenerated <> ''` : 'false'} as generated, ${newer ? 'coalesce(l.collisdeterministic, true)' : 'true'} as deterministic,
            not exists (select from pg_cast x where x.castsource = 'pg_catalog.text'::regtype and x.casttarget = t.oid and x.castmethod = 'f') as castable,
            t.typtype = 'e' as enumerated
       from tab
       left join (pg_attribute a join base b on b.attnum = a.attnum join pg_type t on t.oid = b.type and t.typtype <> 'd') on a.attrelid = tab.oid
       left join pg_collation l on l.oid = a.attcollation
      order by a.attnum`,
    [schema, name],
  )
  const [first] = columns
  if (!first) return undefined
  const label = qualified(schema, name)
  const partitioned = first.kind === 'p'
  return {
    oid: first.oid,
    schema,
    name,
    label,
    only: partitioned ? label : `only ${label}`,
    partitioned,
    dropped: first.dropped === 't',
    columns: new Map(columns.flatMap((row) => (row.name === null ? [] : [[row.name, column(row.name, row)] as const]))),
    indexes: await readUniqueIndexes(target, first.oid),
  }
}

function column(name: string, row: ColumnRow): TargetColumn {
  return {
    name,
    typeOid: Number(row.type_oid),
    typmod: Number(row.typmod),
    type: row.type,
    asStored: row.type_oid === NUMERIC ? `${row.type}::${row.modified}` : row.type,
    generated: row.generated === 't',
    deterministic: row.deterministic === 't',
    castable: row.castable === 't',
    enumerated: row.enumerated === 't',
  }
}

/** Strategy 3 of a btree operator class is equality (PostgreSQL documentation, "B-Tree Support Functions"). */
async function readUniqueIndexes(target: Database, oid: string): Promise<UniqueIndex[]> {
  const rows = await target.query<IndexRow>(
    `select i.indexrelid as index, x.relname as index_name, i.indisprimary as "primary", i.indimmediate as immediate,
            i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null as plain,
            a.attname as name, a.attnotnull as not_null, n.nspname as operator_schema, o.oprname as operator
       from pg_index i join pg_class x on x.oid = i.indexrelid
       cross join lateral unnest(i.indkey::int2[], i.indclass::oid[]) with ordinality as k (attnum, class, position)
       left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum and k.attnum > 0
       left join pg_opclass c on c.oid = k.class
       left join pg_amop m on m.amopfamily = c.opcfamily and m.amoplefttype = c.opcintype and m.amoprighttype = c.opcintype
                          and m.amopstrategy = 3 and m.amopmethod = (select oid from pg_am where amname = 'btree')
       left join pg_operator o on o.oid = m.amopopr
       left join pg_namespace n on n.oid = o.oprnamespace
      where i.indrelid = $1::oid and (i.indisunique or i.indisexclusion) and k.class is not null
      order by i.indisprimary desc, i.indexrelid, k.position`,
    [oid],
  )
  const indexes = new Map<string, IndexRow[]>()
  for (const row of rows) indexes.set(row.index, [...(indexes.get(row.index) ?? []), row])
  return [...indexes.values()].map((of) => ({
    name: of[0]?.index_name ?? '',
    columns: of.every((row) => row.plain === 't' && row.name !== null && row.operator !== null) ? of.map(indexColumn) : undefined,
    primary: of[0]?.primary === 't',
    immediate: of[0]?.immediate === 't',
    notNull: of.every((row) => row.not_null === 't'),
  }))
}

function indexColumn({ name, operator_schema, operator }: IndexRow): { name: string; equals: string } {
  return { name: name ?? '', equals: `operator(${ident(operator_schema ?? '')}.${operator ?? ''})` }
}
