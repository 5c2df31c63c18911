import { SINCE } from '../catalogue-kind.ts'
import type { CatalogueKind } from '../catalogue-kind.ts'
import { address, commentOn, notOfExtension, printedName, privileges, routineName, userSchema } from './fragments.ts'

const from = `from pg_type t join pg_namespace n on n.oid = t.typnamespace ${commentOn('pg_type', 't.oid')}`
const where = `${userSchema('n')} and ${notOfExtension('pg_type', 't.oid')}`
const common = `${address('pg_type', 't.oid')}, n.nspname as schema, t.typname as relation, null as name, null as signature,
  pg_get_userbyid(t.typowner) as owner, ${privileges('t.typacl', 'T', 't.typowner')} as privileges, comment.description as comment`

/** Enums, free-standing composite types, ranges and base types. */
const types: CatalogueKind = {
  kind: 'type',
  container: true,
  forms: {
    owner: 'owner',
    privileges: 'privileges',
    subtype: 'names',
    'subtype operator class': 'names',
    'subtype collation': 'names',
    canonical: 'names',
    'subtype difference': 'names',
    multirange: 'names',
    input: 'names',
    output: 'names',
    receive: 'names',
    send: 'names',
    element: 'names',
  },
  query: (version, versions) => `select ${common},
    case when t.typisdefined then t.typtype::text else 'shell' end as category,
    (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid) as labels,
    format_type(r.rngsubtype, null) as subtype, ${printedName('pg_opclass', 'opc', 'r.rngsubopc')} as "subtype operator class",
    ${printedName('pg_collation', 'coll', 'r.rngcollation')} as "subtype collation",
    ${routineName('r.rngcanonical')} as canonical, ${routineName('r.rngsubdiff')} as "subtype difference",
    ${Math.min(versions.source, versions.target) >= SINCE.v14 && version >= SINCE.v14 ? 'format_type(r.rngmultitypid, null)' : 'null'} as multirange,
    case when t.typtype = 'b' then ${routineName('t.typinput')} end as input, case when t.typtype = 'b' then ${routineName('t.typoutput')} end as output,
    case when t.typtype = 'b' then ${routineName('t.typreceive')} end as receive, case when t.typtype = 'b' then ${routineName('t.typsend')} end as send,
    case when t.typtype = 'b' then t.typlen end as length, case when t.typtype = 'b' then t.typbyval end as "passed by value",
    case when t.typtype = 'b' then t.typalign end as alignment, case when t.typtype = 'b' then t.typstorage end as storage,
    case when t.typtype = 'b' then t.typcategory end as "type category", case when t.typtype = 'b' then t.typispreferred end as preferred,
    case when t.typtype = 'b' then t.typdelim end as delimiter, case when t.typtype = 'b' and t.typelem <> 0 then format_type(t.typelem, null) end as element,
    case when t.typtype = 'b' then t.typdefault end as "default"
    ${from} left join pg_range r on r.rngtypid = t.oid
    where t.typtype in ('b', 'e', 'r', 'c', 'p') and ${where}
      and (t.typrelid = 0 or exists (select from pg_class c where c.oid = t.typrelid and c.relkind = 'c'))
      and not exists (select from pg_type el where el.typarray = t.oid)`,
}

const attributes: CatalogueKind = {
  kind: 'type attribute',
  forms: { type: 'names', collation: 'names' },
  query: () => `select ${address('pg_type', 't.oid')}, n.nspname as schema, t.typname as relation, a.attname as name, null as signature,
    comment.description as comment, format_type(a.atttypid, a.atttypmod) as type,
    (select count(*) from pg_attribute b where b.attrelid = a.attrelid and b.attnum > 0 and b.attnum <= a.attnum and not b.attisdropped) as position,
    case when a.attcollation <> at.typcollation then ${printedName('pg_collation', 'coll', 'a.attcollation')} end as collation
    from pg_type t join pg_namespace n on n.oid = t.typnamespace join pg_class c on c.oid = t.typrelid and c.relkind = 'c'
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped join pg_type at on at.oid = a.atttypid
    ${commentOn('pg_class', 'c.oid', 'a.attnum')}
    where ${where}`,
}

const domains: CatalogueKind = {
  kind: 'domain',
  container: true,
  forms: { owner: 'owner', privileges: 'privileges', 'base type': 'names', collation: 'names', default: 'expression' },
  query: () => `select ${common},
    format_type(t.typbasetype, t.typtypmod) as "base type",
    case when t.typcollation <> b.typcollation then ${printedName('pg_collation', 'coll', 't.typcollation')} end as collation,
    t.typnotnull as "not null", coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault) as "default"
    ${from} join pg_type b on b.oid = t.typbasetype
    where t.typtype = 'd' and ${where}`,
}

const domainConstraints: CatalogueKind = {
  kind: 'domain constraint',
  forms: { expression: 'expression' },
  query:
    () => `select ${address('pg_constraint', 'k.oid')}, n.nspname as schema, t.typname as relation, k.conname as name, null as signature,
    comment.description as comment, pg_get_expr(k.conbin, 0) as expression, k.convalidated as validated
    from pg_constraint k join pg_type t on t.oid = k.contypid join pg_namespace n on n.oid = t.typnamespace
    ${commentOn('pg_constraint', 'k.oid')}
    where k.contype = 'c' and ${where}`,
}

export const TYPE_KINDS: readonly CatalogueKind[] = [types, attributes, domains, domainConstraints]
