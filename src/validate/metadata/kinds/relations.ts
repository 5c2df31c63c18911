import { SINCE } from '../catalogue-kind.ts'
import type { CatalogueKind } from '../catalogue-kind.ts'
import { address, columnNames, commentOn, foreignOptions, notOfExtension, privileges, sorted, userSchema } from './fragments.ts'

const common = (acl = 'r'): string => `
  ${address('pg_class', 'c.oid')}, n.nspname as schema, c.relname as relation, null as name, null as signature,
  pg_get_userbyid(c.relowner) as owner, ${privileges('c.relacl', acl, 'c.relowner')} as privileges, comment.description as comment,
  ${sorted('c.reloptions')} as options`

const from = `
  from pg_class c join pg_namespace n on n.oid = c.relnamespace ${commentOn('pg_class', 'c.oid')}`

const where = (kinds: string): string => `
  where c.relkind in (${kinds}) and c.relpersistence <> 't' and ${userSchema('n')} and ${notOfExtension('pg_class', 'c.oid')}`

const accessMethod = (version: number): string =>
  version >= SINCE.v12 ? `(select am.amname from pg_am am where am.oid = c.relam)` : `case when c.relkind in ('r', 'm') then 'heap' end`

const tablespace = `(select spcname from pg_tablespace t where t.oid = c.reltablespace)`

const FORMS = { owner: 'owner', privileges: 'privileges', tablespace: 'tablespace' } as const

const tables: CatalogueKind = {
  kind: 'table',
  container: true,
  ofTable: true,
  forms: {
    ...FORMS,
    inherits: 'relations',
    'partition bound': 'bound',
    'partition key': 'partition key',
    'of type': 'names',
    'column order': 'order',
  },
  query: (version) => `select ${common()},
    c.relpersistence as persistence,
    case c.relkind when 'p' then 'partitioned' else 'plain' end as partitioning,
    (select ${sorted('tc.reloptions')} from pg_class tc where tc.oid = c.reltoastrelid) as "toast options",
    ${accessMethod(version)} as "access method",
    case c.relreplident
      when 'i' then 'index ' || (select ic.relname from pg_index i join pg_class ic on ic.oid = i.indexrelid
                                  where i.indrelid = c.oid and i.indisreplident)
      else c.relreplident::text end as "replica identity",
    c.relrowsecurity as "row security", c.relforcerowsecurity as "forced row security",
    (select json_agg(json_build_array(pn.nspname, p.relname) order by i.inhseqno)
       from pg_inherits i join pg_class p on p.oid = i.inhparent join pg_namespace pn on pn.oid = p.relnamespace
      where i.inhrelid = c.oid) as inherits,
    pg_get_expr(c.relpartbound, c.oid) as "partition bound",
    case c.relkind when 'p' then pg_get_partkeydef(c.oid) end as "partition key",
    case when c.reloftype <> 0 then format_type(c.reloftype, null) end as "of type",
    ${tablespace} as tablespace,
    case when c.relispartition or not exists (select from pg_inherits i where i.inhrelid = c.oid) then
      (select json_agg(a.attname order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
    end as "column order"
    ${from} ${where(`'r', 'p'`)}`,
}

const foreignTables: CatalogueKind = {
  kind: 'foreign table',
  container: true,
  ofTable: true,
  forms: { ...FORMS, inherits: 'relations', 'partition bound': 'bound', 'column order': 'order' },
  query: () => `select ${common()},
    s.srvname as server, ${foreignOptions('ft.ftoptions')} as "foreign options",
    (select json_agg(json_build_array(pn.nspname, p.relname) order by i.inhseqno)
       from pg_inherits i join pg_class p on p.oid = i.inhparent join pg_namespace pn on pn.oid = p.relnamespace
      where i.inhrelid = c.oid) as inherits,
    pg_get_expr(c.relpartbound, c.oid) as "partition bound",
    (select json_agg(a.attname order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as "column order"
    ${from} join pg_foreign_table ft on ft.ftrelid = c.oid join pg_foreign_server s on s.oid = ft.ftserver
    ${where(`'f'`)}`,
}

const views: CatalogueKind = {
  kind: 'view',
  container: true,
  ofTable: true,
  forms: { ...FORMS, definition: 'view' },
  query: () => `select ${common()}, pg_get_viewdef(c.oid) as definition ${from} ${where(`'v'`)}`,
}

const materializedViews: CatalogueKind = {
  kind: 'materialized view',
  container: true,
  ofTable: true,
  forms: { ...FORMS, definition: 'view' },
  query: (version) => `select ${common()}, pg_get_viewdef(c.oid) as definition, c.relispopulated as populated,
    ${accessMethod(version)} as "access method", ${tablespace} as tablespace ${from} ${where(`'m'`)}`,
}

/** Sequences with their options; their values are another matter. */
const sequences: CatalogueKind = {
  kind: 'sequence',
  forms: { ...FORMS, 'owned by': 'references', type: 'names' },
  query: () => `select ${common('s')},
    c.relpersistence as persistence, format_type(s.seqtypid, null) as type, s.seqstart as start, s.seqincrement as increment,
    s.seqmin as minimum, s.seqmax as maximum, s.seqcache as cache, s.seqcycle as cycle,
    (select json_build_array(tn.nspname, t.relname, ${columnNames('t.oid', 'array[d.refobjsubid]')})
       from pg_depend d join pg_class t on t.oid = d.refobjid join pg_namespace tn on tn.oid = t.relnamespace
      where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
        and d.deptype in ('a', 'i') limit 1) as "owned by"
    ${from} join pg_sequence s on s.seqrelid = c.oid ${where(`'S'`)}`,
}

export const RELATION_KINDS: readonly CatalogueKind[] = [tables, foreignTables, views, materializedViews, sequences]
