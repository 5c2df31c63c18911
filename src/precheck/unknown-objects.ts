import type { Database } from '../postgres/connect.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { isPattern, literalPart, matchesPattern } from '../spec/name-pattern.ts'
import { isReservedSchema } from '../spec/selection.ts'
import { described, jsonPath } from '../spec/spec-problem.ts'
import type { SpecProblem } from '../spec/spec-problem.ts'

/**
 * Names in the spec, written out without `*`, that the source does not have. What a pattern matches may come later: that is
 * the precheck's item `selection`.
 */
export async function unknownObjects(source: Database, spec: Pick<MigrationSpec, 'objects' | 'exclude'>): Promise<SpecProblem[]> {
  const known = await readNames(source)
  const problems: SpecProblem[] = []
  const check = (path: readonly (string | number)[], schema: string, table: string | undefined): void => {
    const relations = isReservedSchema(schema) ? undefined : known.get(schema)
    if (!relations) {
      problems.push({ path: jsonPath([...path, 'schema']), found: described(schema, false), expected: 'a user schema of the source' })
      return
    }
    if (table === undefined || isPattern(table)) return
    const kind = relations.get(literalPart(table))?.kind
    if (kind === 'table' || kind === 'view') return
    const expected = kind === 'partition' ? 'the partitioned table, not its partition' : `a table of the schema ${described(schema, false)}`
    problems.push({ path: jsonPath([...path, 'table']), found: described(table, false), expected })
  }
  for (const [index, { schema, table, columns }] of (spec.objects ?? []).entries()) {
    check(['objects', index], schema, table)
    if (table === undefined || columns === undefined) continue
    const matched = [...(known.get(schema) ?? [])].filter(([name, { kind }]) => kind !== 'partition' && matchesPattern(table, name))
    for (const [name, relation] of matched) {
      if (relation.kind === 'view') {
        problems.push({
          path: jsonPath(['objects', index, 'columns']),
          found: `columns of the view ${described(name, false)}`,
          expected: '"columns" only for a table',
        })
        continue
      }
      for (const [at, column] of columns.entries()) {
        const wanted = typeof column === 'string' ? column : column.name
        if (relation.columns.has(wanted)) continue
        problems.push({
          path: jsonPath(['objects', index, 'columns', at]),
          found: described(wanted, false),
          expected: `a column of ${described(name, false)}`,
        })
      }
    }
  }
  for (const [index, { schema, table }] of spec.exclude.entries()) {
    if (!isPattern(schema)) check(['exclude', index], literalPart(schema), table)
  }
  return problems
}

interface Known {
  readonly kind: 'table' | 'view' | 'partition'
  readonly columns: ReadonlySet<string>
}

/** By schema, what can be selected by name; a partition goes with its root. */
async function readNames(source: Database): Promise<Map<string, Map<string, Known>>> {
  const rows = await source.query<{ schema: string; name: string | null; kind: Known['kind']; columns: string }>(
    `select n.nspname as schema, c.relname as name,
            case when c.relispartition then 'partition' when c.relkind in ('v', 'm') then 'view' else 'table' end as kind,
            array_to_json(array(select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)) as columns
       from pg_namespace n
       left join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f')`,
  )
  const schemas = new Map<string, Map<string, Known>>()
  for (const { schema, name, kind, columns } of rows) {
    const relations = schemas.get(schema) ?? new Map<string, Known>()
    schemas.set(schema, relations)
    if (name !== null) relations.set(name, { kind, columns: new Set(JSON.parse(columns) as string[]) })
  }
  return schemas
}
