import { CancellationScope, workflowInfo } from '@temporalio/workflow'
import { runChangeStream } from '../change-stream-run.ts'
import { JobSlots } from '../job-slots.ts'
import type { Migration } from '../migration.ts'
import type { CopyGroup } from '../migration-activities.ts'
import type { Phase } from '../status.ts'
import { withPauses } from '../with-pauses.ts'

/** Copies the tables, builds their indexes, and applies the stream until all tables agree. */
export async function full(migration: Migration): Promise<Phase> {
  if (migration.has('incremental')) {
    const { groups, largeObjects } = await migration.run('planTables', 'Plan the copy', {})
    if (!(await copyGroups(migration, groups, largeObjects))) return 'full'
  } else {
    const copied = await withPauses(migration, () =>
      migration.run('copyUnderOneSnapshot', 'Copy all tables and large objects under one snapshot', {}, 'data'),
    )
    if (copied.differing.length > 0) {
      await migration.waitForOperator(
        'TargetDiverged',
        `Rows differ after the copy in ${copied.differing.slice(0, 10).join(', ')}: somebody writes to the target. Stop that, then send the signal resume: everything is copied again.`,
      )
      return 'full'
    }
    migration.state.rows = copied.rows
    migration.state.copied = { tables: copied.tables, rows: copied.rows }
  }
  const { catchUpTo } = await migration.run('finishCopy', 'Build the remaining indexes', {}, 'data')
  if (catchUpTo === null) return 'constraints'
  const result = await runChangeStream(migration, { summary: `Catch up to ${catchUpTo}, where all tables agree`, until: catchUpTo })
  // Rotated: what is copied is passed over when the phase begins again.
  return result !== 'interrupted' && result.reason === 'until' ? 'constraints' : 'full'
}

/**
 * From this history length on no further group is begun. Temporal suggests to continue as new at 4,096 events, but here that
 * means to wait for the copies that run; it ends a run at 51,200.
 */
const LONG_HISTORY = 12_000

/**
 * Copies the groups with `tableJobs` jobs and builds their indexes with `indexJobs`, each as soon as it can, and large objects beside
 * them; false when it stopped early so that the workflow can continue as new.
 */
async function copyGroups(migration: Migration, groups: readonly CopyGroup[], largeObjects: boolean): Promise<boolean> {
  const { tableJobs, indexJobs } = migration.spec.copy
  const waiting = [...groups]
  await withPauses(migration, () =>
    CancellationScope.cancellable(async () => {
      const copying = new JobSlots(tableJobs)
      const building = new JobSlots(indexJobs)
      const running: Promise<unknown>[] = []
      let failure: { readonly error: unknown } | undefined
      const scope = CancellationScope.current()
      const run = (work: Promise<unknown>): void => {
        const ended = work.catch((error: unknown) => {
          failure ??= { error }
          scope.cancel()
        })
        running.push(ended)
      }
      try {
        if (largeObjects) run(migration.run('copyLargeObjects', 'Copy large objects', {}, 'data'))
        while (workflowInfo().historyLength < LONG_HISTORY) {
          await migration.unpaused()
          const [next] = waiting
          if (!next) break
          const jobs = Math.min(next.jobs, tableJobs)
          await copying.take(jobs)
          waiting.shift()
          run(copyGroup(migration, next, { copying, building, jobs }))
        }
      } catch (error) {
        failure ??= { error }
        scope.cancel()
      }
      await Promise.all(running)
      if (failure) throw failure.error
    }),
  )
  return waiting.length === 0
}

interface GroupJobs {
  readonly copying: JobSlots
  readonly building: JobSlots
  /** Slots that the copy has taken. */
  readonly jobs: number
}

async function copyGroup(migration: Migration, { group, label }: CopyGroup, { copying, building, jobs }: GroupJobs): Promise<void> {
  let indexes: readonly { readonly entry: number; readonly label: string }[]
  try {
    indexes = (await migration.run('copyGroup', `Copy ${label}`, { group, jobs }, 'data')).indexes
  } finally {
    copying.give(jobs)
  }
  const build = (entry: number | null, what: string): Promise<void> =>
    building.within(() => migration.run('buildIndexes', what, { group, entry }, 'data'))
  await allOf(indexes.map((index) => build(index.entry, `Build ${index.label}`)))
  await build(null, `${indexes.length > 0 ? 'Finish' : 'Build'} indexes of ${label}`)
}

/** Waits for all, also if one fails: nobody works on while the workflow believes that nobody does. */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
