import { isCancellation, workflowInfo } from '@temporalio/workflow'
import { validateCleanUp } from '../spec/clean-up-argument.ts'
import type { CleanUpArgument } from '../spec/clean-up-argument.ts'
import type { ConnectionSpec } from '../spec/migration-spec.ts'
import { cleanUpActivity } from './activity-options.ts'
import type { CleanedSource } from './clean-up-activities.ts'
import { sourceLabel } from './clean-up-result.ts'
import type { CleanUpResult, FailedSource } from './clean-up-result.ts'
import { invalidSpec } from './invalid-spec.ts'
import { applicationFailure } from './migration.ts'

const LIMIT = 50
/** Sources that are looked at at once. */
const LANES = 4
/** References kept for the schedule's next run; some 100 bytes each. */
const REMEMBERED = 1000

type Outcome = { readonly source: ConnectionSpec } & (CleanedSource | { readonly failed: FailedSource })

/**
 * Removes what migrations that are over have left on their sources, however they ended. A source that can't be looked at keeps no other
 * from it: it is told, and remembered. Its result goes to the next run of the same schedule as the last completion result.
 */
export async function cleanUpSlots(input?: unknown): Promise<CleanUpResult> {
  const checked = validateCleanUp(input)
  if ('problems' in checked) throw invalidSpec(checked.problems)
  const { argument } = checked
  const sources = argument.sources ?? (await findSources())
  const waiting = [...sources]
  const outcomes: Outcome[] = []
  const lane = async () => {
    for (let source = waiting.shift(); source; source = waiting.shift()) outcomes.push(await cleanUp(source, argument))
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return result(outcomes, argument)
}

async function findSources(): Promise<readonly ConnectionSpec[]> {
  // A schedule gives each run the last one's result, unless it lets runs overlap.
  const remembered = (workflowInfo().lastResult as Partial<CleanUpResult> | null | undefined)?.remembered ?? []
  try {
    return (await cleanUpActivity('findSources', 'Find the sources of migrations')({ remembered })).sources
  } catch (error) {
    throw isCancellation(error) ? error : applicationFailure(error)
  }
}

async function cleanUp(source: ConnectionSpec, { olderThanMs, foreignToo, dryRun }: CleanUpArgument): Promise<Outcome> {
  const label = sourceLabel(source)
  try {
    const summary = `Clean up ${label}`.slice(0, 200)
    return { source, ...(await cleanUpActivity('cleanUpSource', summary)({ source, olderThanMs, foreignToo, dryRun })) }
  } catch (error) {
    if (isCancellation(error)) throw error
    const { type, message } = applicationFailure(error)
    return { source, failed: { source: label, type: type ?? 'Internal', message } }
  }
}

function result(outcomes: readonly Outcome[], { sources, dryRun }: CleanUpArgument): CleanUpResult {
  const done = outcomes.flatMap((outcome) => ('failed' in outcome ? [] : [outcome]))
  const failed = outcomes.flatMap((outcome) => ('failed' in outcome ? [outcome.failed] : []))
  // One source may have been reached by two references.
  const removed = onlyOnce(done.flatMap((outcome) => outcome.removed))
  const gone = new Set(dryRun ? [] : removed.map(({ id }) => id))
  const kept = onlyOnce(done.flatMap((outcome) => outcome.kept)).filter(({ id }) => !gone.has(id))
  const dirty = outcomes.filter((outcome) => 'failed' in outcome || !outcome.clean).map(({ source }) => source)
  return {
    dryRun,
    removed: removed.slice(0, LIMIT),
    kept: kept.slice(0, LIMIT),
    failed: failed.slice(0, LIMIT),
    totals: { sources: outcomes.length, removed: removed.length, kept: kept.length, failed: failed.length },
    remembered: sources ? [] : dirty.slice(0, REMEMBERED),
  }
}

function onlyOnce<T extends { readonly id: string }>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [item.id, item])).values()]
}
