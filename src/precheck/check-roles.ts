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
  run: async ({ source, target, spec, tables, schemas }) => {
    const { known, me } = await readTargetRoles(target)
    const mapping = spec.roles ?? UNMAPPED
    const rows = await source.query<{ role: string; owns: string }>(
      `with object (owner, acl) as (
         select relowner, relacl from pg_class where oid = any ($1::oid[])
         union all select nspowner, nspacl from pg_namespace where nspname in (select json_array_elements_text($2::json)) and nspname <> 'public'
         union all select proowner, proacl from pg_proc p join pg_namespace n on n.oid = p.pronamespace
                    where n.nspname in (select json_array_elements_text($2::json))
       ), named (oid, owns) as (
         select owner, true from object
         union select g.grantee, false from object cross join lateral aclexplode(acl) g
       )
       select r.rolname as role, bool_or(owns) as owns from named join pg_roles r using (oid) group by 1 order by 1`,
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
    return passed(notes.length === 0 ? 'every owner and grantee can be kept' : `${notes.length} can't be kept as on the source`, notes)
  },
}
