/** Schemas of users. */
export function userSchema(n: string): string {
  return `${n}.nspname !~ '^pg_' and ${n}.nspname not in ('information_schema', 'pgmove')`
}

/** Objects of extensions come with them; with `ei` also what other objects made for themselves, such as the constructors of a range. */
export function notOfExtension(catalogue: string, oid: string, types: 'e' | 'ei' = 'e'): string {
  const list = types === 'e' ? `= 'e'` : `in ('e', 'i')`
  return `not exists (select from pg_depend e where e.classid = '${catalogue}'::regclass and e.objid = ${oid} and e.deptype ${list})`
}

/** The object's address in pg_depend. */
export function address(catalogue: string, oid: string): string {
  return `'${catalogue}'::regclass::oid as class, ${oid} as oid`
}

/** A left join that brings an object's comment as `comment.description`. */
export function commentOn(catalogue: string, oid: string, column = '0'): string {
  return `left join pg_description comment
    on comment.objoid = ${oid} and comment.classoid = '${catalogue}'::regclass and comment.objsubid = ${column}`
}

/** Privileges as a JSON list of [grantee, privilege, grantable]; '' is PUBLIC, null the owner. The default ones are spelled out. */
export function privileges(acl: string, type: string, owner: string): string {
  return `(select json_agg(json_build_array(case when granted.grantee = 0 then '' when granted.grantee <> ${owner} then pg_get_userbyid(granted.grantee) end,
                                            granted.privilege_type, granted.is_grantable)
                           order by granted.grantee, granted.privilege_type)
             from aclexplode(coalesce(${acl}, acldefault('${type}', ${owner}))) granted)`
}

/** An array of text, sorted, as JSON. */
export function sorted(array: string): string {
  return `(select json_agg(o order by o collate "C") from unnest(${array}) o)`
}

/** A qualified, quoted name, bare for objects of PostgreSQL's own. */
export function printedName(catalogue: string, prefix: string, oid: string): string {
  return `(select case when xn.nspname = 'pg_catalog' then '' else quote_ident(xn.nspname) || '.' end || quote_ident(x.${prefix}name)
             from ${catalogue} x join pg_namespace xn on xn.oid = x.${prefix}namespace where x.oid = ${oid})`
}

/** Options of foreign data objects without those whose names sound like secrets. */
export function foreignOptions(array: string): string {
  return `(select json_agg(o order by o collate "C") from unnest(${array}) o where split_part(o, '=', 1) !~* '(pass|secret|token|key$)')`
}

/** The names of columns by their numbers, in order, as JSON. */
export function columnNames(table: string, numbers: string): string {
  return `(select json_agg(col.attname order by listed.ord) from unnest(${numbers}) with ordinality listed (num, ord)
             join pg_attribute col on col.attrelid = ${table} and col.attnum = listed.num)`
}

/** A routine with its arguments; of PostgreSQL's own only the name, since their arguments differ between versions. */
export function routineName(oid: string): string {
  return `(select case when rn.nspname = 'pg_catalog' then quote_ident(rp.proname) else rp.oid::regprocedure::text end
             from pg_proc rp join pg_namespace rn on rn.oid = rp.pronamespace where rp.oid = ${oid}::oid)`
}
