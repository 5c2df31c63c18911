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
  routineName,
  userSchema,
} from './fragments.ts'

/** The select list and the rest of a query over a catalogue of named objects in schemas. */
function inSchema(catalogue: string, prefix: string, attributes: string, more = '', owner = true): string {
  const o = owner ? `pg_get_userbyid(o.${prefix}owner) as owner,` : ''
  return `select ${address(catalogue, 'o.oid')}, n.nspname as schema, null as relation, o.${prefix}name as name, null as signature,
    ${o} comment.description as comment, ${attributes}
    from ${catalogue} o join pg_namespace n on n.oid = o.${prefix}namespace ${more} ${commentOn(catalogue, 'o.oid')}
    where ${userSchema('n')} and ${notOfExtension(catalogue, 'o.oid')}`
}

/** The same for objects without a schema; PostgreSQL's own are left out by their OIDs. */
function global(catalogue: string, prefix: string, attributes: string, more = ''): string {
  return `select ${address(catalogue, 'o.oid')}, null as schema, null as relation, o.${prefix}name as name, null as signature,
    comment.description as comment, ${attributes}
    from ${catalogue} o ${more} ${commentOn(catalogue, 'o.oid')}
    where o.oid >= 16384 and ${notOfExtension(catalogue, 'o.oid')}`
}

const OWNED = { owner: 'owner' } as const

export const SCHEMA_KIND: CatalogueKind = {
  kind: 'schema',
  container: true,
  forms: { owner: 'owner', privileges: 'privileges' },
  query: () => `select ${address('pg_namespace', 'n.oid')}, n.nspname as schema, null as relation, null as name, null as signature,
    pg_get_userbyid(n.nspowner) as owner, ${privileges('n.nspacl', 'n', 'n.nspowner')} as privileges,
    nullif(comment.description, 'standard public schema') as comment
    from pg_namespace n ${commentOn('pg_namespace', 'n.oid')}
    where ${userSchema('n')} and ${notOfExtension('pg_namespace', 'n.oid')}`,
}

const collations: CatalogueKind = {
  kind: 'collation',
  forms: OWNED,
  query: (v) =>
    inSchema(
      'pg_collation',
      'coll',
      `o.collprovider as provider, ${v >= SINCE.v12 ? 'o.collisdeterministic' : 'true'} as deterministic,
       ${
         v >= SINCE.v17
           ? 'coalesce(o.colllocale, o.collcollate)'
           : v >= SINCE.v15
             ? 'coalesce(o.colliculocale, o.collcollate)'
             : 'o.collcollate::text'
       } as collate,
       case when o.collprovider <> 'i' then o.collctype::text end as ctype,
       ${v >= SINCE.v16 ? 'o.collicurules' : 'null'} as rules`,
    ),
}

const conversions: CatalogueKind = {
  kind: 'conversion',
  forms: { ...OWNED, function: 'names' },
  query: () =>
    inSchema(
      'pg_conversion',
      'con',
      `pg_encoding_to_char(o.conforencoding) as "from", pg_encoding_to_char(o.contoencoding) as "to", ${routineName('o.conproc')} as function, o.condefault as "default"`,
    ),
}

const statistics: CatalogueKind = {
  kind: 'statistics object',
  forms: { ...OWNED, table: 'relation', columns: 'text', definition: 'statement' },
  query: (v) =>
    inSchema(
      'pg_statistic_ext',
      'stx',
      `json_build_array(tn.nspname, t.relname) as table, case when o.stxkind @> ${v >= SINCE.v12 ? `array['d', 'f', 'm']` : `array['d', 'f']`}::"char"[] then '["all"]' else array_to_json(o.stxkind)::text end as kinds,
       'create statistics x on ' || (select string_agg(part, ', ') from (
          select quote_ident(cols.name) as part from json_array_elements_text(${columnNames('o.stxrelid', 'o.stxkeys')}) cols (name)
          ${v >= SINCE.v14 ? `union all select '(' || pg_get_expr(o.stxexprs, o.stxrelid) || ')' where o.stxexprs is not null` : ''}) parts)
         || ' from ' || quote_ident(tn.nspname) || '.' || quote_ident(t.relname) as definition,
       ${v >= SINCE.v13 ? 'nullif(o.stxstattarget, -1)' : 'null'} as "statistics target"`,
      'join pg_class t on t.oid = o.stxrelid join pg_namespace tn on tn.oid = t.relnamespace',
    ),
}

const textSearch: readonly CatalogueKind[] = [
  {
    kind: 'text search configuration',
    forms: { ...OWNED, parser: 'names', mappings: 'names' },
    query: () =>
      inSchema(
        'pg_ts_config',
        'cfg',
        `${printedName('pg_ts_parser', 'prs', 'o.cfgparser')} as parser,
         (select string_agg(tt.alias || ' ' || m.mapseqno || ' ' || ${printedName('pg_ts_dict', 'dict', 'm.mapdict')}, ', ' order by tt.alias collate "C", m.mapseqno)
            from pg_ts_config_map m join ts_token_type(o.cfgparser) tt on tt.tokid = m.maptokentype where m.mapcfg = o.oid) as mappings`,
      ),
  },
  {
    kind: 'text search dictionary',
    forms: { ...OWNED, template: 'names' },
    query: () =>
      inSchema('pg_ts_dict', 'dict', `${printedName('pg_ts_template', 'tmpl', 'o.dicttemplate')} as template, o.dictinitoption as options`),
  },
  {
    kind: 'text search parser',
    forms: { functions: 'names' },
    query: () =>
      inSchema(
        'pg_ts_parser',
        'prs',
        `concat_ws(', ', ${routineName('o.prsstart')}, ${routineName('o.prstoken')}, ${routineName('o.prsend')}, ${routineName('o.prsheadline')}, ${routineName('o.prslextype')}) as functions`,
        '',
        false,
      ),
  },
  {
    kind: 'text search template',
    forms: { functions: 'names' },
    query: () =>
      inSchema(
        'pg_ts_template',
        'tmpl',
        `concat_ws(', ', ${routineName('o.tmplinit')}, ${routineName('o.tmpllexize')}) as functions`,
        '',
        false,
      ),
  },
]

/** Its version is the server's choice. */
const extensions: CatalogueKind = {
  kind: 'extension',
  forms: { 'in schema': 'schema' },
  query: () => `select ${address('pg_extension', 'o.oid')}, null as schema, null as relation, o.extname as name, null as signature,
    n.nspname as "in schema" from pg_extension o join pg_namespace n on n.oid = o.extnamespace where o.extname <> 'plpgsql'`,
}

const foreignData: readonly CatalogueKind[] = [
  {
    kind: 'foreign data wrapper',
    forms: { ...OWNED, handler: 'names', validator: 'names', privileges: 'privileges' },
    query: () =>
      global(
        'pg_foreign_data_wrapper',
        'fdw',
        `pg_get_userbyid(o.fdwowner) as owner, ${privileges('o.fdwacl', 'F', 'o.fdwowner')} as privileges, ${routineName('o.fdwhandler')} as handler, ${routineName('o.fdwvalidator')} as validator,
         ${foreignOptions('o.fdwoptions')} as options`,
      ),
  },
  {
    kind: 'server',
    forms: { ...OWNED, privileges: 'privileges' },
    query: () =>
      global(
        'pg_foreign_server',
        'srv',
        `pg_get_userbyid(o.srvowner) as owner, ${privileges('o.srvacl', 'S', 'o.srvowner')} as privileges, w.fdwname as wrapper, o.srvtype as type, o.srvversion as version,
         ${foreignOptions('o.srvoptions')} as options`,
        'join pg_foreign_data_wrapper w on w.oid = o.srvfdw',
      ),
  },
  {
    kind: 'user mapping',
    // Options are hidden from roles that don't own them.
    query: () => `select 'pg_user_mapping'::regclass::oid as class, m.umid as oid, null as schema, null as relation,
      m.srvname || case m.umuser when 0 then ' for public' else '' end as name, null as signature,
      case m.umuser when 0 then '' else m.usename end as role, ${foreignOptions('m.umoptions')} as options
      from pg_user_mappings m`,
  },
]

const languages: readonly CatalogueKind[] = [
  {
    kind: 'language',
    forms: { ...OWNED, handler: 'names', inline: 'names', validator: 'names', privileges: 'privileges' },
    query: () =>
      global(
        'pg_language',
        'lan',
        `pg_get_userbyid(o.lanowner) as owner, ${privileges('o.lanacl', 'l', 'o.lanowner')} as privileges, o.lanpltrusted as trusted,
         ${routineName('o.lanplcallfoid')} as handler, ${routineName('o.laninline')} as inline,
         ${routineName('o.lanvalidator')} as validator`,
      ),
  },
  {
    kind: 'transform',
    forms: { 'from sql': 'names', 'to sql': 'names' },
    query: () => `select ${address('pg_transform', 'o.oid')}, null as schema, null as relation, l.lanname as name,
      json_build_array(format_type(o.trftype, null)) as signature, comment.description as comment,
      ${routineName('o.trffromsql')} as "from sql", ${routineName('o.trftosql')} as "to sql"
      from pg_transform o join pg_language l on l.oid = o.trflang ${commentOn('pg_transform', 'o.oid')}
      where o.oid >= 16384 and ${notOfExtension('pg_transform', 'o.oid')}`,
  },
  {
    kind: 'access method',
    forms: { handler: 'names' },
    query: () => global('pg_am', 'am', `${routineName('o.amhandler')} as handler, o.amtype as type`),
  },
]

const defaultPrivileges: CatalogueKind = {
  kind: 'default privileges',
  forms: { privileges: 'privileges' },
  query: () => `select ${address('pg_default_acl', 'o.oid')}, n.nspname as schema, null as relation,
    o.defaclobjtype as name, null as signature, pg_get_userbyid(o.defaclrole) as role,
    (select json_agg(json_build_array(case when p.grantee = 0 then '' when p.grantee <> o.defaclrole then pg_get_userbyid(p.grantee) end,
                                      p.privilege_type, p.is_grantable) order by p.grantee, p.privilege_type)
       from aclexplode(o.defaclacl) p) as privileges
    from pg_default_acl o left join pg_namespace n on n.oid = o.defaclnamespace
    where n.nspname is null or (${userSchema('n')})`,
}

const settings: CatalogueKind = {
  kind: 'setting',
  query: () => `select 'pg_database'::regclass::oid as class, d.oid as oid, null as schema, null as relation,
    split_part(c, '=', 1) as name, null as signature, case s.setrole when 0 then '' else pg_get_userbyid(s.setrole) end as role,
    substr(c, strpos(c, '=') + 1) as value
    from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase, unnest(s.setconfig) c where d.datname = current_database()`,
}

const securityLabels: CatalogueKind = {
  kind: 'security label',
  query: () => `select 'pg_seclabel'::regclass::oid as class, l.objoid as oid, null as schema, null as relation,
    l.objtype || ' ' || l.objname || ' ' || l.provider as name, null as signature, l.label
    from pg_seclabels l where l.objtype not in ('role', 'database', 'tablespace', 'large object', 'event trigger', 'publication', 'subscription')`,
}

export const OTHER_KINDS: readonly CatalogueKind[] = [
  collations,
  conversions,
  statistics,
  ...textSearch,
  extensions,
  ...foreignData,
  ...languages,
  defaultPrivileges,
  settings,
  securityLabels,
]
