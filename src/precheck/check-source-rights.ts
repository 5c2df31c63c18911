import { sequencesInScope } from '../cutover/sequences-in-scope.ts'
import { ident, qualified } from '../postgres/quote.ts'
import { readReplicationRight } from '../source/replication-right.ts'
import type { Check } from './check.ts'
import { failed, passed } from './finding.ts'
import { membership } from './membership.ts'
import { nameList, oidList } from './table-lists.ts'

export const replicationRole: Check = {
  name: 'replication_role',
  expected: 'the role on the source may replicate',
  applies: ({ incremental }) => incremental,
  run: async ({ source, sourceRole }) => {
    const { may, grant } = await readReplicationRight(source)
    return may ? passed(`${sourceRole.name} may`) : failed(`${sourceRole.name} may not`, grant)
  },
}

export const sourceRights: Check = {
  name: 'source_rights',
  expected: 'the role may read every selected table and sequence on the source',
  run: async ({ source, spec, tables, names, full, incremental, sourceRole }) => {
    const schemas = await source.query<{ name: string }>(
      `select nspname as name from pg_namespace
        where oid in (select relnamespace from pg_class where oid = any ($1::oid[])) and not has_schema_privilege(oid, 'usage') order by 1`,
      [oidList(tables)],
    )
    const closed = await source.query<{ schema: string; name: string }>(
      `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.oid = any ($1::oid[]) and not has_table_privilege(c.oid, 'select') order by 1, 2`,
      [oidList(tables)],
    )
    const sequences = await source.query<{ schema: string; name: string }>(
      `select x.schema, x.name from json_to_recordset($1::json) as x (schema text, name text)
         join pg_namespace n on n.nspname = x.schema
         join pg_class c on c.relnamespace = n.oid and c.relname = x.name
        where case c.relkind when 'S' then not has_sequence_privilege(c.oid, 'select') end order by 1, 2`,
      [nameList(full || incremental ? await sequencesInScope(source, spec, names) : [])],
    )
    const objects = [
      ...schemas.map(({ name }) => `schema ${ident(name)}`),
      ...closed.map(({ schema, name }) => qualified(schema, name)),
      ...sequences.map(({ schema, name }) => `sequence ${qualified(schema, name)}`),
    ]
    if (objects.length === 0) return passed(`${sourceRole.name} may`)
    const role = ident(sourceRole.name)
    const inSchemas = [...new Set([...closed, ...sequences].map(({ schema }) => schema))].map(ident).join(', ')
    const statements = [
      ...(schemas.length > 0 ? [`grant usage on schema ${schemas.map(({ name }) => ident(name)).join(', ')} to ${role}`] : []),
      ...(closed.length > 0 ? [`grant select on all tables in schema ${inSchemas} to ${role}`] : []),
      ...(sequences.length > 0 ? [`grant select on all sequences in schema ${inSchemas} to ${role}`] : []),
    ]
    return failed(`${objects.length} are closed to ${sourceRole.name}`, statements.join('; '), objects)
  },
}

/** Only the owner adds a table to a publication, sets its replica identity, or (on 10) lets a trigger fire always. */
export const sourceOwnership: Check = {
  name: 'source_ownership',
  expected: 'the role owns every selected table on the source, or is a member of its owner',
  applies: ({ incremental }) => incremental,
  run: async ({ source, tables, sourceRole }) => {
    const rows = await source.query<{ schema: string; name: string; owner: string; superuser: string }>(
      `select n.nspname as schema, c.relname as name, o.rolname as owner, o.rolsuper as superuser
         from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles o on o.oid = c.relowner
        where c.oid = any ($1::oid[]) and c.relpersistence = 'p' and not pg_has_role(c.relowner, 'usage') order by 1, 2`,
      [oidList(tables)],
    )
    if (rows.length === 0) return passed(`${sourceRole.name} does`)
    return failed(
      `${rows.length} belong to others`,
      membership(rows, sourceRole.name),
      rows.map(({ schema, name }) => qualified(schema, name)),
    )
  },
}

export const sourceCreate: Check = {
  name: 'source_create',
  expected: 'the role may create a publication and the schema pgmove on the source',
  applies: ({ incremental }) => incremental,
  run: async ({ source, sourceRole }) => {
    const [row] = await source.query<{ may: string; database: string }>(
      `select has_database_privilege(current_database(), 'create') as may, current_database() as database`,
    )
    if (row?.may === 't') return passed(`${sourceRole.name} may`)
    return failed(`${sourceRole.name} may not`, `grant create on database ${ident(row?.database ?? '')} to ${ident(sourceRole.name)}`)
  },
}

export const rowSecurity: Check = {
  name: 'row_security',
  expected: 'no policy hides rows of selected tables from the role on the source',
  applies: ({ full, incremental }) => full || incremental,
  run: async ({ source, tables, sourceRole }) => {
    const rows = await source.query<{ schema: string; name: string }>(
      `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.oid = any ($1::oid[]) and c.relrowsecurity and row_security_active(c.oid) order by 1, 2`,
      [oidList(tables)],
    )
    if (rows.length === 0) return passed('none')
    return failed(
      `${rows.length} tables whose policies apply to ${sourceRole.name}`,
      `alter role ${ident(sourceRole.name)} bypassrls`,
      rows.map(({ schema, name }) => qualified(schema, name)),
    )
  },
}

/** PostgreSQL 10 has no TRUNCATE in its stream; a trigger on every table writes it down. */
export const truncateTrigger: Check = {
  name: 'truncate_trigger',
  expected: 'pgmove can put a TRUNCATE trigger on every selected table of a PostgreSQL 10 source',
  applies: ({ incremental, source }) => incremental && source.version < 110000,
  run: async ({ source, tables }) => {
    const [language] = await source.query<{ may: string | null }>(
      `select has_language_privilege(oid, 'usage') as may from pg_language where lanname = 'plpgsql'`,
    )
    if (language?.may !== 't') {
      return failed(
        `the language plpgsql is ${language ? 'closed to the role' : 'missing'}`,
        'create extension plpgsql; grant usage on language plpgsql to public',
      )
    }
    const rows = await source.query<{ schema: string; name: string }>(
      `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.oid = any ($1::oid[]) and c.relkind = 'r' and c.relpersistence = 'p' and not pg_has_role(c.relowner, 'usage') order by 1, 2`,
      [oidList(tables)],
    )
    if (rows.length === 0) return passed('it can')
    return failed(
      `not on ${rows.length} tables, which belong to others: their TRUNCATE would be missed`,
      'Connect to the source as the owner of the tables, or as a member of that role.',
      rows.map(({ schema, name }) => qualified(schema, name)),
    )
  },
}
