import type { Database } from '../postgres/connect.ts'
import { ident } from '../postgres/quote.ts'
import type { StoredEntry } from './stored-entry.ts'

const RELATIONS = ['TABLE', 'FOREIGN TABLE', 'VIEW', 'MATERIALIZED VIEW', 'SEQUENCE', 'INDEX']
const ROUTINES = ['FUNCTION', 'PROCEDURE', 'AGGREGATE']
const TYPES = ['TYPE', 'DOMAIN']

/** Where a part of a table stands in the catalogue: table, name. */
const PARTS: Readonly<Record<string, readonly [catalog: string, table: string, name: string]>> = {
  CONSTRAINT: ['pg_constraint', 'conrelid', 'conname'],
  'CHECK CONSTRAINT': ['pg_constraint', 'conrelid', 'conname'],
  'FK CONSTRAINT': ['pg_constraint', 'conrelid', 'conname'],
  TRIGGER: ['pg_trigger', 'tgrelid', 'tgname'],
  RULE: ['pg_rewrite', 'ev_class', 'rulename'],
  POLICY: ['pg_policy', 'polrelid', 'polname'],
}

/** Whether an object of the entry's kind and name is on the target, whatever its definition. False for kinds that it can't tell. */
export async function existsOnTarget(target: Database, { kind, schema, name, table }: StoredEntry): Promise<boolean> {
  const part = PARTS[kind]
  if (part && table) {
    const [catalog, relation, column] = part
    return some(
      target,
      `from ${catalog} p join pg_class c on c.oid = p.${relation} join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = $1 and c.relname = $2 and p.${column} = $3`,
      [table.schema, table.name, name.slice(table.name.length + 1)],
    )
  }
  if (kind === 'EXTENSION') return some(target, 'from pg_extension where extname = $1', [name])
  if (schema === null) return false
  const inSchema = (catalog: string, column: string) =>
    some(target, `from ${catalog} o join pg_namespace n on n.oid = o.${column}namespace where n.nspname = $1 and o.${column}name = $2`, [
      schema,
      name,
    ])
  if (RELATIONS.includes(kind)) return inSchema('pg_class', 'rel')
  if (TYPES.includes(kind)) return inSchema('pg_type', 'typ')
  if (!ROUTINES.includes(kind)) return false
  // The tag is the bare name with the types of its arguments.
  const at = name.lastIndexOf('(')
  const signature = `${ident(schema)}.${ident(name.slice(0, at))}${name.slice(at)}`
  return some(target, 'where to_regprocedure($1) is not null', [signature])
}

async function some(target: Database, condition: string, values: readonly string[]): Promise<boolean> {
  const rows = await target.query(`select ${condition} limit 1`, values)
  return rows.length > 0
}
