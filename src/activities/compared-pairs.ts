import { readSourceNameMap } from '../mapping/read-name-map.ts'
import type { Database } from '../postgres/connect.ts'
import { readSelectedTables } from '../source/selected-tables.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { selects } from '../spec/selection.ts'
import type { ValidationSpec } from '../spec/validate-validation.ts'
import { readLeftOutRelations } from '../state/left-out-relations.ts'
import { readMigratedTables } from '../state/migrated-table.ts'
import type { NotComparedData, TablePair } from '../validate/data/compared-table.ts'

export interface ComparedPairs {
  readonly pairs: readonly TablePair[]
  readonly notCompared: readonly NotComparedData[]
}

const UNLOGGED = 'it is unlogged, and brought up to date at the cutover only'

/** The tables of a migration, but unlogged ones, which no stream keeps equal, and those that were left out. */
export async function migratedPairs(source: Database, target: Database, id: string): Promise<ComparedPairs> {
  const unlogged = await unloggedTables(source)
  const tables = (await readMigratedTables(target, id)).filter(({ leftOut }) => leftOut === undefined)
  return { pairs: tables.filter(({ sourceSchema, sourceTable }) => !unlogged.has(`${sourceSchema}\0${sourceTable}`)), notCompared: [] }
}

/** The source's unlogged tables, as `schema\0table`. */
export async function unloggedTables(source: Database): Promise<ReadonlySet<string>> {
  const rows = await source.query<{ schema: string; name: string }>(
    `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relpersistence = 'u' and c.relkind = 'r'`,
  )
  return new Set(rows.map(({ schema, name }) => `${schema}\0${name}`))
}

/** The tables of the spec, but those that no stream keeps equal. */
export async function selectedPairs(
  spec: MigrationSpec,
  source: Database,
  target: Database,
  { tables }: ValidationSpec,
  migrations: readonly string[],
): Promise<ComparedPairs> {
  const names = await readSourceNameMap(source, spec)
  const leftOut = new Set<string>()
  for (const id of migrations) for (const relation of await readLeftOutRelations(target, id)) leftOut.add(relation)
  const notCompared: NotComparedData[] = []
  const pairs: TablePair[] = []
  for (const table of await readSelectedTables(source, spec, names)) {
    const { schema, name } = table.root ?? table
    if (table.kind !== 'r' || (tables && !selects({ objects: tables, exclude: [] }, schema, name))) continue
    const there = names.relation(table)
    const object = `${table.schema}.${table.name}`
    if (leftOut.has(`${there.schema}\0${there.name}`)) notCompared.push({ object, reason: 'it was left out of the migration' })
    else if (migrations.length > 0 && table.persistence === 'u') {
      notCompared.push({ object, reason: UNLOGGED })
    } else {
      pairs.push({
        sourceSchema: table.schema,
        sourceTable: table.name,
        targetSchema: there.schema,
        targetTable: there.name,
        columns: names.columns(table),
        estimatedRows: table.estimatedRows,
      })
    }
  }
  return { pairs, notCompared }
}
