import type { Database } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'
import { targetRole, UNMAPPED } from '../roles/role-mapping.ts'
import { readTargetRoles } from '../roles/target-roles.ts'
import { jsonPath } from '../spec/spec-problem.ts'
import type { Check } from './check.ts'
import { failed, passed, warning } from './finding.ts'
import { oidList } from './table-lists.ts'

export const roleMap: Check = {
  name: 'role_map',
  expected: 'the roles of "roles.map" exist: each name on the source, each value on the target',
  applies: ({ schema, spec }) => schema && Object.keys(spec.roles?.map ?? {}).length > 0,
  run: async ({ source, target, spec }) => {
    const map = spec.roles?.map ?? {}
    const { known } = await readTargetRoles(target)
    const rows = await source.query<{ name: string }>('select rolname as name from pg_roles')
    const onSource = new Set(rows.map(({ name }) => name))
    const missing = Object.entries(map).filter(([, role]) => !known.has(role))
    const unused = Object.keys(map).filter((role) => !onSource.has(role))
    const paths = (roles: readonly string[]): string[] => roles.map((role) => jsonPath(['roles', 'map', role]))
    if (missing.length > 0) {
      const roles = [...new Set(missing.map(([, role]) => role))]
      const fix = `Create them on the target (${roles
        .slice(0, 10)
        .map((role) => `create role ${ident(role)}`)
        .join('; ')}), or correct "roles.map".`
      return failed(`the target has no role ${roles.slice(0, 10).map(ident).join(', ')}`, fix, paths(missing.map(([role]) => role)))
    }
    if (unused.length === 0) return passed(`${Object.keys(map).length}`)
    return warning(`the source has no role ${unused.slice(0, 10).map(ident).join(', ')}`, 'Correct "roles.map".', paths(unused))
  },
}

/** A policy without one of its roles would let others see more, or these less: it is never changed by itself. */
export const policyRoles: Check = {
  name: 'policy_roles',
  expected: 'the target has every role that a policy of a selected table names',
  applies: ({ schema }) => schema,
  run: async ({ source, target, spec, tables }) => {
    const { known } = await readTargetRoles(target)
    const rows = await source.query<{ schema: string; table: string; name: string; role: string }>(
      `select n.nspname as schema, c.relname as "table", p.polname as name, r.rolname as role
         from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
         join pg_roles r on r.oid = any (p.polroles)
        where c.oid = any ($1::oid[]) order by 1, 2, 3, 4`,
      [oidList(tables)],
    )
    const missing = rows.filter(({ role }) => !known.has(targetRole(spec.roles ?? UNMAPPED, role)))
    if (missing.length === 0) return passed(rows.length === 0 ? 'none names a role' : 'it does')
    const roles = [...new Set(missing.map(({ role }) => targetRole(spec.roles ?? UNMAPPED, role)))]
    return failed(
      `the target has no role ${roles.slice(0, 10).map(ident).join(', ')}`,
      `Create them on the target (${roles
        .slice(0, 10)
        .map((role) => `create role ${ident(role)}`)
        .join('; ')}), or name others in "roles.map".`,
      [...new Set(missing.map(({ schema, table, name }) => `policy ${ident(name)} on ${qualified(schema, table)}`))],
    )
  },
}

/** What happens with owners and grantees is told before anything is created. */
export const missingRoles: Check = {
  name: 'roles',
  expected: 'for information: roles whose objects go to the target role, and whose grants are left out',
  applies: ({ schema }) => schema,
  run: async ({ source, target, spec, tables, schemas, names }) => {
    const { known, me, superuser } = await readTargetRoles(target)
    const mapping = spec.roles ?? UNMAPPED
    const rows = await source.query<{ role: string; owns: string; schemas: string }>(
      `with object (owner, acl, schema) as (
         select relowner, relacl, relnamespace from pg_class where oid = any ($1::oid[])
         union all select nspowner, nspacl, null from pg_namespace where nspname in (select json_array_elements_text($2::json)) and nspname <> 'public'
         union all select proowner, proacl, n.oid from pg_proc p join pg_namespace n on n.oid = p.pronamespace
                    where n.nspname in (select json_array_elements_text($2::json))
       ), named (oid, owns, schema) as (
         select owner, true, schema from object
         union select g.grantee, false, null from object cross join lateral aclexplode(acl) g
       )
       select r.rolname as role, bool_or(owns) as owns, json_agg(distinct n.nspname) filter (where n.oid is not null)::text as schemas
         from named x join pg_roles r on r.oid = x.oid left join pg_namespace n on n.oid = x.schema group by 1 order by 1`,
      [oidList(tables), JSON.stringify(schemas)],
    )
    const notes = rows.flatMap(({ role, owns }) => {
      const name = targetRole(mapping, role)
      const there = known.get(name)
      if (!there) return [`${ident(name)}: the target has no such role${owns === 't' ? '' : '; its grants are left out'}`]
      return owns === 't' && name !== me && !there.settable
        ? [`${ident(name)}: ${ident(me)} may not SET ROLE to it, and owns its objects instead`]
        : []
    })
    const owners = rows.flatMap(({ role, schemas: within }) => {
      const name = targetRole(mapping, role)
      if (name === me || known.get(name)?.settable !== true) return []
      return (JSON.parse(within ?? '[]') as string[]).map((schema) => ({ role: name, schema: names.schema(schema) }))
    })
    for (const { role, schema } of superuser ? [] : await notWelcome(target, owners)) {
      notes.push(
        `${ident(role)}: may not create in schema ${ident(schema)}, and so not own what is there, and ${ident(me)} may not let it: ` +
          `grant create on schema ${ident(schema)} to ${ident(me)} with grant option`,
      )
    }
    return passed(notes.length === 0 ? 'every owner and grantee can be kept' : `${notes.length} can't be kept as on the source`, notes)
  },
}

/** Which of the roles lack CREATE in a schema that stands on the target, where the target role can't lend it to them. */
async function notWelcome(
  target: Database,
  owners: readonly { readonly role: string; readonly schema: string }[],
): Promise<{ role: string; schema: string }[]> {
  return target.query<{ role: string; schema: string }>(
    `select distinct x.role, x.schema from json_to_recordset($1::json) as x (role text, schema text) join pg_namespace n on n.nspname = x.schema
      where not has_schema_privilege(x.role, n.oid, 'create') and not has_schema_privilege(n.oid, 'create with grant option') order by 1, 2`,
    [JSON.stringify(owners)],
  )
}
