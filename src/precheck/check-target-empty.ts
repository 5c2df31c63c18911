import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import type { TableName } from '../source/selected-tables.ts'
import type { Check } from './check.ts'
import { filledTables } from './filled-tables.ts'
import { failed, passed } from './finding.ts'

/** Tables that runs of pgmove into this database have begun to copy, quoted, with the newest run's workflow. */
async function copiedBefore(target: Database): Promise<Map<string, { id: string; workflow: string }>> {
  const [there] = await target.query<{ there: string }>(`select to_regclass('pgmove.migrated_table') is not null as there`)
  if (there?.there !== 't') return new Map()
  const rows = await target.query<{ id: string; workflow: string; schema: string; name: string }>(
    `select t.id, m.workflow_id as workflow, t.target_schema as schema, t.target_table as name
       from pgmove.migrated_table t join pgmove.migration m using (id) where t.attempts > 0 order by m.created_at`,
  )
  return new Map(rows.map(({ id, workflow, schema, name }) => [qualified(schema, name), { id, workflow }]))
}

const label = ({ schema, name }: TableName): string => qualified(schema, name)

export const targetEmpty: Check = {
  name: 'target_empty',
  expected: 'selected tables hold no rows on the target',
  applies: ({ spec, full }) => full && spec.existing === 'refuse',
  run: async ({ target, tables, targetTables, names, id, signal }) => {
    const filled = await filledTables(target, targetTables, signal)
    const before = filled.length > 0 ? await copiedBefore(target) : new Map<string, { id: string; workflow: string }>()
    const full = new Set(filled)
    // A partitioned table speaks for itself only where its rows are in partitions that the source does not have.
    const explained = new Set(
      tables.flatMap((table) =>
        table.partitionOf && full.has(label(names.relation(table))) ? [label(names.relation(table.partitionOf))] : [],
      ),
    )
    const foreign = filled.filter((table) => before.get(table)?.id !== id && !explained.has(table))
    if (foreign.length === 0) return passed('none holds rows')
    const runs = new Set(foreign.flatMap((table) => before.get(table)?.workflow ?? []))
    const [workflow] = runs
    const found = `${foreign.length} hold rows${workflow === undefined ? '' : `; an earlier run of pgmove filled tables here (workflow ${workflow.slice(0, 100)})`}`
    return failed(found, 'Start with "existing": "replace", which removes the rows, or empty the tables yourself.', foreign)
  },
}
