import type { Database } from '../postgres/connect.ts'
import { readSourceRelations } from '../schema/unselected-relations.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { selectsSchema } from '../spec/selection.ts'

export interface SequenceName {
  readonly schema: string
  readonly name: string
}

interface SequenceRow extends Record<string, string | null> {
  oid: string
  schema: string
  name: string
}

/**
 * The source's sequences that go along: those that belong to a column of a selected table or stand in one's default, and those
 * that belong to no column in a schema that is selected whole. Found by pg_depend: 'i' for identity, 'a' for serial, and the
 * default's own dependency. A partition's sequences go with its root.
 */
export async function sequencesInScope(source: Database, spec: Pick<MigrationSpec, 'objects' | 'exclude'>): Promise<SequenceName[]> {
  const sequences = await source.query<SequenceRow>(
    `select s.oid, n.nspname as schema, s.relname as name from pg_class s join pg_namespace n on n.oid = s.relnamespace
      where s.relkind = 'S' and s.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
        and not exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = s.oid and e.deptype = 'e')
      order by 2, 3`,
  )
  // Joined here: without statistics PostgreSQL may join these by nested loops, which takes minutes for thousands of tables.
  const owners = await source.query<{ sequence: string; relation: string }>(
    `select objid as sequence, refobjid as relation from pg_depend
      where classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass and deptype in ('a', 'i') and refobjsubid > 0`,
  )
  const defaults = await source.query<{ fallback: string; sequence: string }>(
    `select objid as fallback, refobjid as sequence from pg_depend where classid = 'pg_attrdef'::regclass and refclassid = 'pg_class'::regclass`,
  )
  const tables = await source.query<{ fallback: string; relation: string }>(`select oid as fallback, adrelid as relation from pg_attrdef`)
  const relations = await readSourceRelations(source, spec)
  const selected = new Set(relations.flatMap((relation) => (relation.selected ? [relation.oid] : [])))
  const owner = new Map(owners.map(({ sequence, relation }) => [sequence, relation]))
  const tableOf = new Map(tables.map(({ fallback, relation }) => [fallback, relation]))
  const used = new Set(defaults.flatMap(({ fallback, sequence }) => (selected.has(tableOf.get(fallback) ?? '') ? [sequence] : [])))
  return sequences
    .filter(({ oid, schema }) => {
      const table = owner.get(oid)
      return used.has(oid) || (table === undefined ? selectsSchema(spec, schema) === 'whole' : selected.has(table))
    })
    .map(({ schema, name }) => ({ schema, name }))
}
