import type { Database } from '../postgres/connect.ts'
import { readSourceRelations } from '../schema/unselected-relations.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { selectsSchema } from '../spec/selection.ts'

export interface SequenceName {
  readonly schema: string
  readonly name: string
}

interface SequenceRow extends Record<string, string | null> {
  schema: string
  name: string
  /** Of a column's sequence, the table's OID. */
  owner: string | null
  /** OIDs of tables in whose defaults it stands. */
  users: string
}

/**
 * The source's sequences that go along: those that belong to a column of a selected table or stand in one's default, and those
 * that belong to no column in a schema that is selected whole. Found by pg_depend: 'i' for identity, 'a' for serial, and the
 * default's own dependency. A partition's sequences go with its root.
 */
export async function sequencesInScope(source: Database, spec: Pick<MigrationSpec, 'objects' | 'exclude'>): Promise<SequenceName[]> {
  const rows = await source.query<SequenceRow>(
    `select n.nspname as schema, s.relname as name, o.refobjid as owner, coalesce(u.users, '{}') as users
       from pg_class s
       join pg_namespace n on n.oid = s.relnamespace
       left join pg_depend o on o.classid = 'pg_class'::regclass and o.objid = s.oid and o.refclassid = 'pg_class'::regclass
                            and o.deptype in ('a', 'i') and o.refobjsubid > 0
       left join (
         select d.refobjid as sequence, array_agg(f.adrelid) as users from pg_depend d join pg_attrdef f on f.oid = d.objid
          where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass group by 1
       ) u on u.sequence = s.oid
      where s.relkind = 'S' and s.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
        and not exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = s.oid and e.deptype = 'e')
      order by 1, 2`,
  )
  const relations = await readSourceRelations(source, spec)
  const selected = new Set(relations.flatMap((relation) => (relation.selected ? [relation.oid] : [])))
  return rows
    .filter(({ schema, owner, users }) => {
      const own = owner === null ? selectsSchema(spec, schema) === 'whole' : selected.has(owner)
      return (
        own ||
        users
          .slice(1, -1)
          .split(',')
          .some((oid) => selected.has(oid))
      )
    })
    .map(({ schema, name }) => ({ schema, name }))
}
