import { TransferLimit } from '../copy/transfer-limit.ts'
import type { ValidationSpec } from '../spec/validate-validation.ts'
import { recordChangedKeys } from '../replication/changed-keys.ts'
import { clearDataDifferences, dataDifferencesQuery, recordDataDifferences } from '../state/validation-record.ts'
import { compareData as compare } from '../validate/data/compare-data.ts'
import type { DataComparison } from '../validate/data/compare-data.ts'
import type { NotComparedData } from '../validate/data/compared-table.ts'
import { streamingMigrations, streamPosition } from '../validate/data/stream-position.ts'
import type { DataResult } from '../workflows/data-result.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import { cutList } from '../workflows/status.ts'
import type { ActivityRun, ActivityServices } from './activity-run.ts'
import { migratedPairs, selectedPairs } from './compared-pairs.ts'
import { migrationActivity } from './migration-activity.ts'

type Input = Parameters<MigrationActivities['compareData']>[0]

const MEGABYTE = 1_000_000

/** Compares the rows of both sides; see MigrationActivities. */
export function compareData(services: ActivityServices): MigrationActivities['compareData'] {
  return migrationActivity(services, async (run, { validation, own = false }: Input): Promise<DataResult> => {
    const source = await run.connect('source', 'validate')
    const target = await run.connect('target', 'validate')
    if (own) run.watchSlot({ needed: true })
    const migrations = own ? [run.id] : await streamingMigrations(source, target)
    const { pairs, notCompared } = own
      ? await migratedPairs(source, target, run.id)
      : await selectedPairs(run.spec, source, target, validation, migrations)
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
      // They are looked at again behind the marker.
      ...(own && { onUndecided: (rows) => recordChangedKeys(target, run.id, rows) }),
    })
    return resultOf(validation, comparison, [...notCompared, ...comparison.notCompared], kept ? dataDifferencesQuery(run.id) : null)
  })
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
