import { TransferLimit } from '../copy/transfer-limit.ts'
import { readSourceNameMap } from '../mapping/read-name-map.ts'
import type { Database } from '../postgres/connect.ts'
import { readSelectedTables } from '../source/selected-tables.ts'
import { selects } from '../spec/selection.ts'
import type { ValidationSpec } from '../spec/validate-validation.ts'
import { readLeftOutRelations } from '../state/left-out-relations.ts'
import { clearDataDifferences, dataDifferencesQuery, recordDataDifferences } from '../state/validation-record.ts'
import { compareData as compare } from '../validate/data/compare-data.ts'
import type { DataComparison } from '../validate/data/compare-data.ts'
import type { NotComparedData, TablePair } from '../validate/data/compared-table.ts'
import { streamingMigrations, streamPosition } from '../validate/data/stream-position.ts'
import type { DataResult } from '../workflows/data-result.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import { cutList } from '../workflows/status.ts'
import type { ActivityRun, ActivityServices } from './activity-run.ts'
import { migrationActivity } from './migration-activity.ts'

type Input = Parameters<MigrationActivities['compareData']>[0]

const MEGABYTE = 1_000_000

/** Compares the rows of both sides; see MigrationActivities. */
export function compareData(services: ActivityServices): MigrationActivities['compareData'] {
  return migrationActivity(services, async (run, { validation }: Input): Promise<DataResult> => {
    const source = await run.connect('source', 'validate')
    const target = await run.connect('target', 'validate')
    const migrations = await streamingMigrations(source, target)
    const { pairs, notCompared } = await selectedPairs(run, source, target, validation, migrations)
    const limit = new TransferLimit()
    const { megabytesPerSecond, rowsPerSecond } = validation.transferRate
    limit.set({ bytes: megabytesPerSecond === null ? null : megabytesPerSecond * MEGABYTE, rows: rowsPerSecond })
    run.signal.addEventListener('abort', () => limit.close(), { once: true })
    const from = earlier(run)
    if (!from) await clearDataDifferences(target, run.id)
    let kept = (from?.differing.length ?? 0) > 0
    const comparison = await compare({
      source,
      target,
      pairs,
      method: validation.method,
      sample: validation.sample,
      ...streamPosition(source, target, migrations, run.signal),
      signal: run.signal,
      from,
      limit: (bytes, rows) => limit.take(bytes, rows),
      onProgress: (so, table, rows) => (run.progress = { comparison: so, table, rows: String(rows) }),
      onDifferences: async (differences) => {
        kept = (await recordDataDifferences(target, run.id, differences)) || kept
      },
    })
    return resultOf(validation, comparison, [...notCompared, ...comparison.notCompared], kept ? dataDifferencesQuery(run.id) : null)
  })
}

/** The tables of the spec, but those that no stream keeps equal. */
async function selectedPairs(
  { spec }: ActivityRun,
  source: Database,
  target: Database,
  { tables }: ValidationSpec,
  migrations: readonly string[],
): Promise<{ pairs: TablePair[]; notCompared: NotComparedData[] }> {
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
      notCompared.push({ object, reason: 'it is unlogged, and brought up to date at the cutover only' })
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

/** Where an attempt that was lost had come to, by whole tables: keys are values of rows, which no heartbeat holds. */
function earlier(run: ActivityRun): DataComparison | undefined {
  const details = run.context.info.heartbeatDetails as { progress?: { comparison?: DataComparison } } | undefined
  return details?.progress?.comparison
}

function resultOf(
  { method }: ValidationSpec,
  { total, rows, bytes, differing }: DataComparison,
  notCompared: readonly NotComparedData[],
  kept: string | null,
): DataResult {
  const differs = differing.some(({ missing, extra, different }) => missing + extra + different > 0)
  return {
    status: differs ? 'Failed' : differing.length > 0 || notCompared.length > 0 ? 'Warning' : 'Passed',
    method,
    tables: total,
    rows,
    bytes,
    differing: cutList(differing),
    notCompared: cutList(notCompared),
    kept,
  }
}
