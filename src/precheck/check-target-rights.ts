import type { Database } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'
import { canSetReplicaRole } from '../replication/replica-role.ts'
import type { Check } from './check.ts'
import { failed, passed } from './finding.ts'
import { membership } from './membership.ts'
import { nameList } from './table-lists.ts'

export const targetCreate: Check = {
  name: 'target_create',
  expected: 'the role may create the schema pgmove and the selected schemas on the target, and objects in those that are there',
  run: async ({ source, target, schemas: selected, names, schema, targetRole }) => {
    const schemas = [...new Set(selected.map((name) => names.schema(name)))]
    const [row] = await target.query<{ may: string; database: string }>(
      `select has_database_privilege(current_database(), 'create') as may, current_database() as database`,
    )
    const there = await target.query<{ name: string; create: string; usage: string }>(
      `select nspname as name, has_schema_privilege(oid, 'create') as create, has_schema_privilege(oid, 'usage') as usage
         from pg_namespace where nspname in (select json_array_elements_text($1::json)) order by 1`,
      [JSON.stringify(['pgmove', ...schemas])],
    )
    const role = ident(targetRole.name)
    const missing = ['pgmove', ...(schema ? schemas : [])].filter((name) => !there.some((other) => other.name === name))
    const empty = new Set((await emptySchemas(source, selected)).map((name) => names.schema(name)))
    const closed = there
      .filter(({ name, create, usage }) => name !== 'pgmove' && !empty.has(name) && (usage !== 't' || (schema && create !== 't')))
      .map(({ name }) => ident(name))
    const made = missing.slice(0, 10).map((name) => `create schema ${ident(name)} authorization ${role}`)
    const statements = [
      ...(missing.length > 0 && row?.may !== 't'
        ? [
            `grant create on database ${ident(row?.database ?? '')} to ${role} /* or instead: ${made.join('; ')}${missing.length > 10 ? '; …' : ''} */`,
          ]
        : []),
      ...(closed.length > 0 ? [`grant ${schema ? 'create, ' : ''}usage on schema ${closed.slice(0, 20).join(', ')} to ${role}`] : []),
    ]
    if (statements.length === 0) return passed(`${targetRole.name} may`)
    return failed(
      `${targetRole.name} may not`,
      statements.join('; '),
      closed.map((name) => `schema ${name}`),
    )
  },
}

/** Those of the source's schemas in which there is nothing that could be created on the target. */
async function emptySchemas(source: Database, schemas: readonly string[]): Promise<string[]> {
  const rows = await source.query<{ name: string }>(
    `select n.nspname as name from pg_namespace n
      where n.nspname in (select json_array_elements_text($1::json))
        and not exists (select from pg_class where relnamespace = n.oid) and not exists (select from pg_type where typnamespace = n.oid)
        and not exists (select from pg_proc where pronamespace = n.oid) and not exists (select from pg_operator where oprnamespace = n.oid)
        and not exists (select from pg_collation where collnamespace = n.oid) and not exists (select from pg_conversion where connamespace = n.oid)
        and not exists (select from pg_ts_dict where dictnamespace = n.oid) and not exists (select from pg_ts_config where cfgnamespace = n.oid)`,
    [JSON.stringify(schemas)],
  )
  return rows.map(({ name }) => name)
}

/** What pgmove does with a table that is there: fill it, and switch off until cutover what would act. */
export const targetRights: Check = {
  name: 'target_rights',
  expected: 'the role may write selected tables that are on the target, and owns those of which something is switched off meanwhile',
  run: async ({ target, targetTables, schema, incremental, targetRole }) => {
    const rows = await target.query<{
      schema: string
      name: string
      owner: string
      superuser: string
      may: string
      acts: string
      mine: string
    }>(
      `select n.nspname as schema, c.relname as name, o.rolname as owner, o.rolsuper as superuser, pg_has_role(c.relowner, 'usage') as mine,
              has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'insert') and has_table_privilege(c.oid, 'update')
                and has_table_privilege(c.oid, 'delete') and has_table_privilege(c.oid, 'truncate') as may,
              c.relrowsecurity and row_security_active(c.oid)
                or exists (select from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal and t.tgenabled <> 'D')
                or exists (select from pg_rewrite r where r.ev_class = c.oid and r.ev_enabled <> 'D')
                or $2::boolean and exists (select from pg_attribute a where a.attrelid = c.oid and a.attidentity = 'a' and not a.attisdropped) as acts
         from json_to_recordset($1::json) as x (schema text, name text)
         join pg_namespace n on n.nspname = x.schema join pg_class c on c.relnamespace = n.oid and c.relname = x.name and c.relkind in ('r', 'p')
         join pg_roles o on o.oid = c.relowner
        order by 1, 2`,
      [nameList(targetTables), String(incremental)],
    )
    const closed = rows.filter(({ may }) => may !== 't')
    const foreign = rows.filter(({ mine, acts }) => mine !== 't' && (schema || acts === 't'))
    if (closed.length === 0 && foreign.length === 0) return passed(rows.length === 0 ? 'none is there yet' : `${targetRole.name} may`)
    const role = ident(targetRole.name)
    const label = ({ schema: of, name }: { schema: string; name: string }): string => qualified(of, name)
    const list = closed.slice(0, 10).map(label).join(', ')
    const statements =
      foreign.length > 0
        ? membership(foreign, targetRole.name)
        : `grant select, insert, update, delete, truncate on ${list}${closed.length > 10 ? ', …' : ''} to ${role}`
    return failed(`${closed.length} can't be written, ${foreign.length} belong to others`, statements, [
      ...new Set([...closed, ...foreign].map(label)),
    ])
  },
}

/**
 * Foreign keys must not act while rows are copied and changes applied: in replica role they don't; else their owner replaces them,
 * and a table that is to be emptied loses those that refer to it.
 */
export const targetForeignKeys: Check = {
  name: 'target_foreign_keys',
  expected: 'foreign keys on the target can be kept from acting',
  applies: ({ full, incremental }) => full || incremental,
  run: async ({ target, targetTables, spec, full, targetRole }) => {
    const replicaRole = await canSetReplicaRole(target)
    const how = replicaRole ? 'the role may set session_replication_role' : 'the role may not set session_replication_role'
    if (replicaRole && !(full && spec.existing === 'replace')) return passed(how)
    const rows = await target.query<{ schema: string; name: string; table: string; owner: string; superuser: string }>(
      `with selected as (
         select c.oid from json_to_recordset($1::json) as x (schema text, name text)
           join pg_namespace n on n.nspname = x.schema join pg_class c on c.relnamespace = n.oid and c.relname = x.name
       )
       select n.nspname as schema, c.relname as table, k.conname as name, o.rolname as owner, o.rolsuper as superuser
         from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace join pg_roles o on o.oid = c.relowner
        where k.contype = 'f' and k.conrelid <> k.confrelid and not pg_has_role(c.relowner, 'usage')
          and (k.confrelid in (select oid from selected) or not $2::boolean and k.conrelid in (select oid from selected))
        order by 1, 2, 3`,
      [nameList(targetTables), String(replicaRole)],
    )
    if (rows.length === 0) return passed(replicaRole ? how : `${how}; pgmove replaces the keys until cutover`)
    return failed(
      `${how}, and ${rows.length} foreign keys are on tables of others`,
      `${replicaRole ? '' : `grant set on parameter session_replication_role to ${ident(targetRole.name)} (15 and newer), or: `}${membership(rows, targetRole.name)}`,
      rows.map(({ schema, table, name }) => `${ident(name)} on ${qualified(schema, table)}`),
    )
  },
}
