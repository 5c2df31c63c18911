/** Something that servers have from a version on, and that can't be said to an older one in other words. */
export interface NewerFeature {
  readonly name: string
  /** server_version_num. */
  readonly since: number
  /**
   * Selects `object`, what has it on a source that knows it. $1: OIDs of the selected tables; $2: schemas that are selected
   * whole; both always mentioned.
   */
  readonly query: string
}

const NOT_OF_EXTENSION = (catalog: string, oid: string) =>
  `not exists (select from pg_depend x where x.classid = '${catalog}'::regclass and x.objid = ${oid} and x.deptype = 'e')`

/** A condition on the selected tables; c is the table. */
const ofTables = (what: string, from: string, condition: string) => `
  select distinct ${what} as object
    from pg_class c join pg_namespace n on n.oid = c.relnamespace ${from}
   where c.oid = any ($1::oid[]) and $2::text[] is not null and ${condition}`
const TABLE = `format('%I.%I', n.nspname, c.relname)`
const COLUMN = `format('%I.%I.%I', n.nspname, c.relname, a.attname)`
const CONSTRAINT = `format('%I on %I.%I', k.conname, n.nspname, c.relname)`
const COLUMNS = 'join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped'
const CONSTRAINTS = 'join pg_constraint k on k.conrelid = c.oid'
const INDEX = `i.indexrelid::regclass::text`
const INDEXES = 'join pg_index i on i.indrelid = c.oid'

const ofRoutines = (condition: string) => `
  select p.oid::regprocedure::text as object from pg_proc p join pg_namespace n on n.oid = p.pronamespace
   where n.nspname = any ($2::text[]) and $1::oid[] is not null and ${NOT_OF_EXTENSION('pg_proc', 'p.oid')} and ${condition}`

const ofCollations = (condition: string) => `
  select format('%I.%I', n.nspname, l.collname) as object from pg_collation l join pg_namespace n on n.oid = l.collnamespace
   where n.nspname = any ($2::text[]) and $1::oid[] is not null and ${condition}`

export const NEWER_FEATURES: readonly NewerFeature[] = [
  { name: 'procedures', since: 110000, query: ofRoutines(`p.prokind = 'p'`) },
  {
    name: 'hash partitions',
    since: 110000,
    query: ofTables(TABLE, 'join pg_partitioned_table t on t.partrelid = c.oid', `t.partstrat = 'h'`),
  },
  {
    name: 'default partitions',
    since: 110000,
    query: ofTables(TABLE, 'join pg_partitioned_table t on t.partrelid = c.oid', 't.partdefid <> 0'),
  },
  { name: 'indexes and keys of partitioned tables', since: 110000, query: ofTables(INDEX, INDEXES, `c.relkind = 'p'`) },
  {
    name: 'foreign keys of partitioned tables',
    since: 110000,
    query: ofTables(CONSTRAINT, CONSTRAINTS, `c.relkind = 'p' and k.contype = 'f'`),
  },
  {
    name: 'row triggers of partitioned tables',
    since: 110000,
    query: ofTables(
      `format('%I on %I.%I', t.tgname, n.nspname, c.relname)`,
      'join pg_trigger t on t.tgrelid = c.oid',
      `c.relkind = 'p' and not t.tgisinternal and t.tgtype & 1 = 1`,
    ),
  },
  { name: 'INCLUDE', since: 110000, query: ofTables(INDEX, INDEXES, 'i.indnkeyatts <> i.indnatts') },
  { name: 'generated columns', since: 120000, query: ofTables(COLUMN, COLUMNS, `a.attgenerated = 's'`) },
  {
    name: 'foreign keys to partitioned tables',
    since: 120000,
    query: ofTables(CONSTRAINT, `${CONSTRAINTS} join pg_class r on r.oid = k.confrelid`, `k.contype = 'f' and r.relkind = 'p'`),
  },
  // An object made without a list of kinds has all of them, and is printed without.
  { name: 'statistics of most common values', since: 120000, query: ofStatistics(`'m' = any (s.stxkind) and not s.stxkind @> '{d,f}'`) },
  { name: 'nondeterministic collations', since: 120000, query: ofCollations('not l.collisdeterministic') },
  {
    name: 'table access methods',
    since: 120000,
    query: ofTables(TABLE, 'join pg_am m on m.oid = c.relam', `c.relkind in ('r', 'p') and m.amname <> 'heap'`),
  },
  { name: 'planner support functions', since: 120000, query: ofRoutines('p.prosupport <> 0') },
  {
    name: 'BEFORE row triggers of partitioned tables',
    since: 130000,
    query: ofTables(
      `format('%I on %I.%I', t.tgname, n.nspname, c.relname)`,
      'join pg_trigger t on t.tgrelid = c.oid',
      `c.relkind = 'p' and not t.tgisinternal and t.tgtype & 3 = 3`,
    ),
  },
  {
    name: 'parameters of operator classes',
    since: 130000,
    query: ofTables(INDEX, `${INDEXES} join pg_attribute a on a.attrelid = i.indexrelid`, 'a.attoptions is not null'),
  },
  { name: 'bodies of BEGIN ATOMIC or RETURN', since: 140000, query: ofRoutines('p.prosqlbody is not null') },
  { name: 'OUT arguments of procedures', since: 140000, query: ofRoutines(`p.prokind = 'p' and 'o' = any (p.proargmodes)`) },
  { name: 'statistics of expressions', since: 140000, query: ofStatistics('s.stxexprs is not null') },
  {
    name: 'columns of multirange types',
    since: 140000,
    query: ofTables(COLUMN, `${COLUMNS} join pg_type t on t.oid = a.atttypid`, `t.typtype = 'm'`),
  },
  {
    name: 'BRIN indexes with bloom or several ranges',
    since: 140000,
    query: ofTables(
      INDEX,
      `${INDEXES} join pg_opclass o on o.oid = any (i.indclass)`,
      `o.opcname ~ '_(bloom|minmax_multi)_ops$' and o.opcnamespace = 'pg_catalog'::regnamespace`,
    ),
  },
  { name: 'NULLS NOT DISTINCT', since: 150000, query: ofTables(INDEX, INDEXES, 'i.indnullsnotdistinct') },
  {
    name: 'ON DELETE SET NULL or SET DEFAULT of some columns',
    since: 150000,
    query: ofTables(CONSTRAINT, CONSTRAINTS, 'k.confdelsetcols is not null'),
  },
  {
    name: 'views with security_invoker',
    since: 150000,
    query: `select format('%I.%I', n.nspname, c.relname) as object from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = any ($2::text[]) and $1::oid[] is not null and c.relkind = 'v'
               and exists (select from unnest(c.reloptions) o where o like 'security\\_invoker=%')`,
  },
  { name: 'ICU collations with rules', since: 160000, query: ofCollations('l.collicurules is not null') },
  { name: 'collations of the builtin provider', since: 170000, query: ofCollations(`l.collprovider = 'b'`) },
  {
    name: 'exclusion constraints of partitioned tables',
    since: 170000,
    query: ofTables(CONSTRAINT, CONSTRAINTS, `c.relkind = 'p' and k.contype = 'x'`),
  },
  { name: 'virtual generated columns', since: 180000, query: ofTables(COLUMN, COLUMNS, `a.attgenerated = 'v'`) },
  { name: 'NOT ENFORCED', since: 180000, query: ofTables(CONSTRAINT, CONSTRAINTS, 'not k.conenforced') },
  { name: 'WITHOUT OVERLAPS and PERIOD', since: 180000, query: ofTables(CONSTRAINT, CONSTRAINTS, 'k.conperiod') },
  {
    name: 'NOT NULL that is NO INHERIT or NOT VALID',
    since: 180000,
    query: ofTables(CONSTRAINT, CONSTRAINTS, `k.contype = 'n' and k.conislocal and (k.connoinherit or not k.convalidated)`),
  },
  ...newerParameters(),
]

function ofStatistics(condition: string): string {
  const from = 'join pg_statistic_ext s on s.stxrelid = c.oid join pg_namespace sn on sn.oid = s.stxnamespace'
  return ofTables(`format('%I.%I', sn.nspname, s.stxname)`, from, condition)
}

/** Storage parameters of tables and indexes, by the version that has them first. */
function newerParameters(): NewerFeature[] {
  const since: Readonly<Record<string, number>> = {
    toast_tuple_target: 110000,
    vacuum_index_cleanup: 120000,
    vacuum_truncate: 120000,
    autovacuum_vacuum_insert_threshold: 130000,
    autovacuum_vacuum_insert_scale_factor: 130000,
    deduplicate_items: 130000,
    autovacuum_vacuum_max_threshold: 180000,
    vacuum_max_eager_freeze_failure_rate: 180000,
  }
  return Object.entries(since).map(([parameter, version]) => ({
    name: `the storage parameter ${parameter}`,
    since: version,
    query: `
      select distinct r.oid::regclass::text as object
        from pg_class c left join pg_index i on i.indrelid = c.oid
        join pg_class r on r.oid in (c.oid, i.indexrelid) left join pg_class s on s.oid = c.reltoastrelid
       where c.oid = any ($1::oid[]) and $2::text[] is not null
         and exists (select from unnest(array_cat(r.reloptions, s.reloptions)) o where o like '${parameter.replaceAll('_', '\\_')}=%')`,
  }))
}
