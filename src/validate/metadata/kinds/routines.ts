import { SINCE } from '../catalogue-kind.ts'
import type { CatalogueKind } from '../catalogue-kind.ts'
import { address, commentOn, notOfExtension, printedName, privileges, routineName, sorted, userSchema } from './fragments.ts'

const NAMED = { owner: 'owner', privileges: 'privileges' } as const

const common = (): string => `${address('pg_proc', 'p.oid')}, n.nspname as schema, null as relation, p.proname as name,
  coalesce((select json_agg(format_type(t, null) order by ord) from unnest(p.proargtypes) with ordinality a (t, ord)), '[]') as signature,
  pg_get_userbyid(p.proowner) as owner, ${privileges('p.proacl', 'f', 'p.proowner')} as privileges, comment.description as comment,
  (select string_agg(format_type(t, null), ', ' order by ord) from unnest(p.proallargtypes) with ordinality a (t, ord)) as "all arguments",
  array_to_json(p.proargmodes) as "argument modes", array_to_json(p.proargnames) as "argument names",
  case when p.provariadic <> 0 then format_type(p.provariadic, null) end as variadic,
  case when p.proretset then 'setof ' else '' end || format_type(p.prorettype, null) as result,
  p.provolatile as volatility, p.proparallel as parallel`

const from = `from pg_proc p join pg_namespace n on n.oid = p.pronamespace ${commentOn('pg_proc', 'p.oid')}`
const where = `${userSchema('n')} and ${notOfExtension('pg_proc', 'p.oid', 'ei')}`

function routine(kind: string, letters: string, old: string): CatalogueKind {
  return {
    kind,
    forms: {
      ...NAMED,
      'all arguments': 'names',
      variadic: 'names',
      result: 'names',
      defaults: 'expressions',
      support: 'names',
      transforms: 'names',
      body: 'body',
      settings: 'settings',
    },
    query: (version) => {
      const atomic = version >= SINCE.v14 ? `p.prosqlbody is not null` : 'false'
      return `select ${common()},
    -- The list of the defaults has one text, with the commas between.
    case when p.proargdefaults is not null then json_build_array('row(' || pg_get_expr(p.proargdefaults, 0) || ')') end as defaults,
    l.lanname as language, p.proisstrict as strict, p.prosecdef as "security definer", p.proleakproof as leakproof,
    p.procost as cost, p.prorows as rows, ${sorted('p.proconfig')} as settings,
    ${version >= SINCE.v12 ? routineName('p.prosupport') : 'null'} as support,
    (select string_agg(format_type(t, null), ', ' order by ord) from unnest(p.protrftypes) with ordinality a (t, ord)) as transforms,
    case when l.lanname = 'sql' or ${atomic} then pg_get_functiondef(p.oid) else p.prosrc end as body, p.probin as library,
    ${version >= SINCE.v11 ? `p.prokind = 'w'` : 'p.proiswindow'} as "window"
    ${from} join pg_language l on l.oid = p.prolang
    where ${version >= SINCE.v11 ? `p.prokind in (${letters})` : old} and ${where}`
    },
  }
}

const aggregates: CatalogueKind = {
  kind: 'aggregate',
  forms: {
    ...NAMED,
    'all arguments': 'names',
    variadic: 'names',
    result: 'names',
    functions: 'names',
    'state type': 'names',
    'moving state type': 'names',
    'sort operator': 'names',
  },
  query: (version) => `select ${common()},
    concat_ws(', ', ${[
      'aggtransfn', 'aggfinalfn', 'aggcombinefn', 'aggserialfn', 'aggdeserialfn', 'aggmtransfn', 'aggminvtransfn', 'aggmfinalfn',
    ].map((f) => `'${f.slice(3, -2)} ' || ${routineName(`a.${f}`)}`).join(', ')}) as functions,
    a.aggkind as kind, a.aggnumdirectargs as "direct arguments", a.aggfinalextra as "final extra", a.aggmfinalextra as "moving final extra",
    ${version >= SINCE.v11 ? 'a.aggfinalmodify' : `case when a.aggkind = 'n' then 'r' else 'w' end`} as "final modify",
    ${version >= SINCE.v11 ? 'a.aggmfinalmodify' : `case when a.aggkind = 'n' then 'r' else 'w' end`} as "moving final modify",
    case when a.aggsortop <> 0 then a.aggsortop::regoperator::text end as "sort operator",
    format_type(a.aggtranstype, null) as "state type", a.aggtransspace as "state size",
    case when a.aggmtranstype <> 0 then format_type(a.aggmtranstype, null) end as "moving state type", a.aggmtransspace as "moving state size",
    a.agginitval as "initial value", a.aggminitval as "moving initial value"
    ${from} join pg_aggregate a on a.aggfnoid = p.oid where ${where}`,
} // prettier-ignore

const operators: CatalogueKind = {
  kind: 'operator',
  forms: { owner: 'owner', function: 'names', commutator: 'names', negator: 'names', restrict: 'names', join: 'names', result: 'names' },
  query: () => `select ${address('pg_operator', 'o.oid')}, n.nspname as schema, null as relation, o.oprname as name,
    json_build_array(case when o.oprleft = 0 then 'none' else format_type(o.oprleft, null) end,
                     case when o.oprright = 0 then 'none' else format_type(o.oprright, null) end) as signature,
    pg_get_userbyid(o.oprowner) as owner, comment.description as comment,
    ${routineName('o.oprcode')} as function, format_type(nullif(o.oprresult, 0), null) as result,
    case when o.oprcom <> 0 then o.oprcom::regoperator::text end as commutator,
    case when o.oprnegate <> 0 then o.oprnegate::regoperator::text end as negator,
    ${routineName('o.oprrest')} as restrict, ${routineName('o.oprjoin')} as join, o.oprcanhash as hashes, o.oprcanmerge as merges
    from pg_operator o join pg_namespace n on n.oid = o.oprnamespace ${commentOn('pg_operator', 'o.oid')}
    where ${userSchema('n')} and ${notOfExtension('pg_operator', 'o.oid')}`,
}

const families: CatalogueKind = {
  kind: 'operator family',
  forms: { owner: 'owner', operators: 'names', functions: 'names' },
  query:
    () => `select ${address('pg_opfamily', 'f.oid')}, n.nspname as schema, null as relation, f.opfname || ' using ' || am.amname as name,
    null as signature, pg_get_userbyid(f.opfowner) as owner, comment.description as comment,
    (select string_agg(a.amopstrategy || ' ' || a.amopopr::regoperator || ' ' || a.amoppurpose::text || coalesce(' ' || ${printedName('pg_opfamily', 'opf', 'a.amopsortfamily')}, ''),
                       ', ' order by a.amopstrategy, a.amopopr::regoperator::text collate "C") from pg_amop a where a.amopfamily = f.oid) as operators,
    (select string_agg(a.amprocnum || ' ' || format_type(a.amproclefttype, null) || ' ' || format_type(a.amprocrighttype, null) || ' ' || ${routineName('a.amproc')},
                       ', ' order by a.amprocnum, ${routineName('a.amproc')} collate "C") from pg_amproc a where a.amprocfamily = f.oid) as functions
    from pg_opfamily f join pg_namespace n on n.oid = f.opfnamespace join pg_am am on am.oid = f.opfmethod ${commentOn('pg_opfamily', 'f.oid')}
    where ${userSchema('n')} and ${notOfExtension('pg_opfamily', 'f.oid')}`,
}

const classes: CatalogueKind = {
  kind: 'operator class',
  forms: { owner: 'owner', 'input type': 'names', 'storage type': 'names', family: 'names' },
  query:
    () => `select ${address('pg_opclass', 'c.oid')}, n.nspname as schema, null as relation, c.opcname || ' using ' || am.amname as name,
    null as signature, pg_get_userbyid(c.opcowner) as owner, comment.description as comment,
    format_type(c.opcintype, null) as "input type", case when c.opckeytype <> 0 then format_type(c.opckeytype, null) end as "storage type",
    c.opcdefault as "default", ${printedName('pg_opfamily', 'opf', 'c.opcfamily')} as family
    from pg_opclass c join pg_namespace n on n.oid = c.opcnamespace join pg_am am on am.oid = c.opcmethod ${commentOn('pg_opclass', 'c.oid')}
    where ${userSchema('n')} and ${notOfExtension('pg_opclass', 'c.oid')}`,
}

const casts: CatalogueKind = {
  kind: 'cast',
  forms: { function: 'names' },
  query: () => `select ${address('pg_cast', 'c.oid')}, null as schema, null as relation, 'cast' as name,
    json_build_array(format_type(c.castsource, null), format_type(c.casttarget, null)) as signature, comment.description as comment,
    case when c.castfunc <> 0 then ${routineName('c.castfunc')} end as function, c.castcontext as context, c.castmethod as method
    from pg_cast c ${commentOn('pg_cast', 'c.oid')}
    where c.oid >= 16384 and ${notOfExtension('pg_cast', 'c.oid', 'ei')}`,
}

export const ROUTINE_KINDS: readonly CatalogueKind[] = [
  routine('function', `'f', 'w'`, 'not p.proisagg'),
  routine('procedure', `'p'`, 'false'),
  aggregates,
  operators,
  families,
  classes,
  casts,
]
