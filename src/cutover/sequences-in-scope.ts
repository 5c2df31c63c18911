import type { Database } from '../postgres/connect.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { selects, selectsSchema } from '../spec/selection.ts'

export interface SequenceName {
  readonly schema: string
  readonly name: string
}

interface SequenceRow extends Record<string, string | null> {
  schema: string
  name: string
  table_schema: string | null
  table_name: string | null
}

/**
 * The source's sequences that go along: those that belong to a column of a selected table or stand in one's default, and those
 * that belong to nothing in a schema that is selected whole. Found by pg_depend: 'i' for identity, 'a' for serial, and the
 * default's own dependency.
 */
export async function sequencesInScope(source: Database, spec: Pick<MigrationSpec, 'objects' | 'exclude'>): Promise<SequenceName[]> {
  const rows = await source.query<SequenceRow>(
    `select n.nspname as schema, s.relname as name, tn.nspname as table_schema, t.relname as table_name
     from pg_class s
     join pg_namespace n on n.oid = s.relnamespace
     left join (
       select objid as sequence, refobjid as relation from pg_depend
       where classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass and deptype in ('a', 'i') and refobjsubid > 0
       union
       select d.refobjid, f.adrelid from pg_depend d join pg_attrdef f on f.oid = d.objid
       where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass
     ) u on u.sequence = s.oid
     left join pg_class t on t.oid = u.relation and t.relkind in ('r', 'p', 'f')
     left join pg_namespace tn on tn.oid = t.relnamespace
     where s.relkind = 'S' and s.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
       and not exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = s.oid and e.deptype = 'e')
     order by 1, 2`,
  )
  const chosen = new Map<string, SequenceName>()
  for (const { schema, name, table_schema, table_name } of rows) {
    const selected =
      table_schema === null || table_name === null ? selectsSchema(spec, schema) === 'whole' : selects(spec, table_schema, table_name)
    if (selected) chosen.set(`${schema}\0${name}`, { schema, name })
  }
  return [...chosen.values()]
}
