import { SINCE } from '../catalogue-kind.ts'
import type { CatalogueKind } from '../catalogue-kind.ts'
import {
  address,
  columnNames,
  commentOn,
  foreignOptions,
  notOfExtension,
  printedName,
  privileges,
  sorted,
  userSchema,
} from './fragments.ts'

const TABLES = `c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relpersistence <> 't'`

const part = (catalogue: string, oid: string, name: string): string =>
  `${address(catalogue, oid)}, n.nspname as schema, c.relname as relation, ${name} as name, null as signature, comment.description as comment`

const INCLUDED = `(select json_agg(col.attname order by listed.ord) from unnest(i.indkey::int2[]) with ordinality listed (num, ord)
  join pg_attribute col on col.attrelid = i.indrelid and col.attnum = listed.num where listed.ord > i.indnkeyatts)`

const columns: CatalogueKind = {
  kind: 'column',
  ofTable: true,
  forms: { type: 'names', collation: 'names', default: 'expression', generated: 'expression', privileges: 'privileges' },
  query: (version) => `select ${part('pg_class', 'c.oid', 'a.attname')},
    format_type(a.atttypid, a.atttypmod) as type,
    case when a.attcollation <> t.typcollation then ${printedName('pg_collation', 'coll', 'a.attcollation')} end as collation,
    a.attnotnull as "not null",
    ${version >= SINCE.v12 ? `case when a.attgenerated = '' then pg_get_expr(ad.adbin, ad.adrelid) end` : 'pg_get_expr(ad.adbin, ad.adrelid)'} as "default",
    ${version >= SINCE.v12 ? `case when a.attgenerated <> '' then pg_get_expr(ad.adbin, ad.adrelid) end` : 'null'} as generated,
    ${version >= SINCE.v12 ? `nullif(a.attgenerated::text, '')` : 'null'} as "generated kind",
    -- A partition's is its root's: only since 17 it is shown there too.
    case when not c.relispartition then nullif(a.attidentity::text, '') end as identity,
    case when c.relkind in ('r', 'p', 'm') and a.attstorage <> t.typstorage then a.attstorage end as storage,
    ${version >= SINCE.v14 ? `nullif(a.attcompression::text, '')` : 'null'} as compression,
    nullif(a.attstattarget, -1) as "statistics target",
    case when a.attoptions is not null then ${sorted('a.attoptions')} end as options,
    case when a.attfdwoptions is not null then ${foreignOptions('a.attfdwoptions')} end as "foreign options",
    case when not c.relispartition and not a.attislocal then false end as "defined locally",
    case when a.attacl is not null then ${privileges('a.attacl', 'c', 'c.relowner')} end as privileges
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    join pg_type t on t.oid = a.atttypid
    left join pg_attrdef ad on ad.adrelid = a.attrelid and ad.adnum = a.attnum
    ${commentOn('pg_class', 'c.oid', 'a.attnum')}
    where ${TABLES} and a.attnum > 0 and not a.attisdropped and ${userSchema('n')} and ${notOfExtension('pg_class', 'c.oid')}`,
}

/** With the index behind a key; foreign keys that a partition has from its root go with the root's. */
const constraints: CatalogueKind = {
  kind: 'constraint',
  ofTable: true,
  forms: {
    columns: 'columns',
    include: 'columns',
    expression: 'expression',
    references: 'references',
    'on delete columns': 'columns',
    exclusion: 'statement',
  },
  query: (version, versions) => `select ${part('pg_constraint', 'k.oid', 'k.conname')},
    k.contype as type,
    case when k.contype in ('p', 'u', 'f', 'n') then ${columnNames('k.conrelid', 'k.conkey')} end as columns,
    case when k.contype = 'c' then pg_get_expr(k.conbin, k.conrelid) end as expression,
    case when k.contype = 'f' then json_build_array(fn.nspname, f.relname, ${columnNames('k.confrelid', 'k.confkey')}) end as references,
    case when k.contype = 'f' then k.confdeltype end as "on delete", case when k.contype = 'f' then k.confupdtype end as "on update",
    case when k.contype = 'f' then k.confmatchtype end as match,
    ${version >= SINCE.v15 ? columnNames('k.conrelid', 'k.confdelsetcols') : 'null'} as "on delete columns",
    k.condeferrable as deferrable, k.condeferred as "initially deferred", k.convalidated as validated,
    ${version >= SINCE.v18 ? 'k.conenforced' : 'true'} as enforced,
    ${version >= SINCE.v18 ? 'k.conperiod' : 'false'} as "without overlaps",
    case when k.contype in ('c', 'n') and not c.relispartition then k.connoinherit end as "no inherit",
    case when k.contype = 'c' and not c.relispartition and not k.conislocal then false end as "defined locally",
    case when k.contype = 'x' then
      'alter table ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) || ' add constraint x ' || pg_get_constraintdef(k.oid) end as exclusion,
    case when i.indexrelid is not null then ${version >= SINCE.v11 ? INCLUDED : 'null'} end as include,
    ${version >= SINCE.v15 ? 'i.indnullsnotdistinct' : 'case when i.indexrelid is not null then false end'} as "nulls not distinct",
    i.indisclustered as clustered, ${sorted('ic.reloptions')} as options
    from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
    left join pg_class f on f.oid = k.confrelid left join pg_namespace fn on fn.oid = f.relnamespace
    left join pg_index i on i.indexrelid = k.conindid and k.contype in ('p', 'u', 'x')
    left join pg_class ic on ic.oid = i.indexrelid
    ${commentOn('pg_constraint', 'k.oid')}
    where ${TABLES} and ${userSchema('n')} and ${notOfExtension('pg_class', 'c.oid')}
      and k.contype in ('c', 'p', 'u', 'f', 'x'${Math.min(versions.source, versions.target) >= SINCE.v18 ? `, 'n'` : ''})
      and not (k.contype = 'f' and not k.conislocal)
      ${version >= SINCE.v11 ? `and not (k.contype = 'f' and k.conparentid <> 0)` : ''}`,
}

const indexes: CatalogueKind = {
  kind: 'index',
  ofTable: true,
  forms: {
    keys: 'expressions',
    'operator classes': 'names',
    collations: 'names',
    include: 'columns',
    predicate: 'expression',
    'attached to': 'relation',
    tablespace: 'tablespace',
  },
  query: (version) => {
    const keys = version >= SINCE.v11 ? 'i.indnkeyatts' : 'i.indnatts'
    return `select ${part('pg_class', 'ic.oid', 'ic.relname')},
    am.amname as method, i.indisunique as unique,
    ${version >= SINCE.v15 ? 'i.indnullsnotdistinct' : 'false'} as "nulls not distinct",
    (select json_agg(pg_get_indexdef(i.indexrelid, s, false) order by s) from generate_series(1, ${keys}) s) as keys,
    (select string_agg(${printedName('pg_opclass', 'opc', 'i.indclass[s]')}, ', ' order by s) from generate_series(0, ${keys} - 1) s) as "operator classes",
    (select string_agg(coalesce(${printedName('pg_collation', 'coll', 'i.indcollation[s]')}, '-'), ', ' order by s) from generate_series(0, ${keys} - 1) s) as collations,
    i.indoption as ordering,
    ${
      version >= SINCE.v13
        ? `(select json_agg(array_to_json(a.attoptions) order by a.attnum) from pg_attribute a where a.attrelid = ic.oid and a.attoptions is not null)`
        : 'null'
    } as "operator class options",
    ${version >= SINCE.v11 ? INCLUDED : 'null'} as include,
    pg_get_expr(i.indpred, i.indrelid) as predicate,
    ${sorted('ic.reloptions')} as options, i.indisvalid as valid, i.indisclustered as clustered,
    (select json_build_array(pn.nspname, p.relname) from pg_inherits h join pg_class p on p.oid = h.inhparent
       join pg_namespace pn on pn.oid = p.relnamespace where h.inhrelid = ic.oid) as "attached to",
    (select json_agg(json_build_array(a.attnum, a.attstattarget) order by a.attnum) from pg_attribute a
      where a.attrelid = ic.oid and coalesce(a.attstattarget, -1) >= 0) as "statistics targets",
    (select spcname from pg_tablespace t where t.oid = ic.reltablespace) as tablespace
    from pg_index i join pg_class ic on ic.oid = i.indexrelid join pg_class c on c.oid = i.indrelid
    join pg_namespace n on n.oid = c.relnamespace join pg_am am on am.oid = ic.relam
    ${commentOn('pg_class', 'ic.oid')}
    where ${TABLES} and ${userSchema('n')} and ${notOfExtension('pg_class', 'c.oid')}
      and ic.relname <> 'pgmove_lookup_' || c.oid
      -- by the table too, since pg_constraint has no index on conindid
      and not exists (select from pg_constraint k where k.conrelid = i.indrelid and k.conindid = ic.oid and k.contype in ('p', 'u', 'x'))`
  },
}

const triggers: CatalogueKind = {
  kind: 'trigger',
  ofTable: true,
  forms: { definition: 'statement' },
  query: (version) => `select ${part('pg_trigger', 't.oid', 't.tgname')},
    pg_get_triggerdef(t.oid) as definition, t.tgenabled as enabled
    from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
    ${commentOn('pg_trigger', 't.oid')}
    where ${TABLES} and not t.tgisinternal and ${userSchema('n')} and ${notOfExtension('pg_class', 'c.oid')}
      ${version >= SINCE.v13 ? 'and t.tgparentid = 0' : ''}`,
}

const rules: CatalogueKind = {
  kind: 'rule',
  ofTable: true,
  forms: { definition: 'statement' },
  query: () => `select ${part('pg_rewrite', 'r.oid', 'r.rulename')}, pg_get_ruledef(r.oid) as definition, r.ev_enabled as enabled
    from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
    ${commentOn('pg_rewrite', 'r.oid')}
    where ${TABLES} and r.rulename <> '_RETURN' and ${userSchema('n')} and ${notOfExtension('pg_class', 'c.oid')}`,
}

const policies: CatalogueKind = {
  kind: 'policy',
  ofTable: true,
  forms: { roles: 'roles', using: 'expression', 'with check': 'expression' },
  query: () => `select ${part('pg_policy', 'p.oid', 'p.polname')},
    p.polcmd as command, p.polpermissive as permissive,
    (select json_agg(case when r = 0 then '' else pg_get_userbyid(r) end) from unnest(p.polroles) r) as roles,
    pg_get_expr(p.polqual, p.polrelid) as using, pg_get_expr(p.polwithcheck, p.polrelid) as "with check"
    from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
    ${commentOn('pg_policy', 'p.oid')}
    where ${TABLES} and ${userSchema('n')} and ${notOfExtension('pg_class', 'c.oid')}`,
}

export const TABLE_PART_KINDS: readonly CatalogueKind[] = [columns, constraints, indexes, triggers, rules, policies]
