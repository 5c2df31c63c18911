import type { Database } from '../postgres/connect.ts'
import { isSatellite } from './entry-stage.ts'
import { independentLanes } from './independent-lanes.ts'
import { restoreInBatches, restoreWhatPasses } from './restore-entries.ts'
import type { RestoreOptions } from './restore-entries.ts'
import { readRemaining } from './stored-entry.ts'
import type { StoredEntry } from './stored-entry.ts'

export interface RestoreDefinitionsOptions extends RestoreOptions {
  /** How many sessions may restore at once. Default 1. */
  readonly jobs?: number
  /** Opens a further session; it is asked for at most `jobs` - 1 times. Whoever opens it closes it. */
  readonly openSession?: (job: number) => Promise<Database>
  /** How many entries must stand side by side for it. Default: see independentLanes. */
  readonly fewest?: number
}

/**
 * Creates what has to be there before the data: schemas, extensions, types, functions, tables, views, sequences, defaults, and the
 * empty indexes of partitioned tables. Each exactly once, whatever was done before and by whom.
 *
 * @throws MigrationError `SchemaMismatch` when the target refuses an object, naming it
 */
export async function restoreDefinitions(options: RestoreDefinitionsOptions): Promise<{ restored: number }> {
  const { target, id, signal, jobs = 1, openSession, fewest, onProgress } = options
  const entries = await readRemaining(target, id, 'definition')
  const sessions = [target]
  let restored = 0
  const progress = (): void => onProgress?.(restored, entries.length)
  const serially = async (some: readonly StoredEntry[]): Promise<void> => {
    const before = restored
    await restoreInBatches(some, {
      ...{ target, id, signal },
      onProgress: (done) => {
        restored = before + done
        progress()
      },
    })
  }
  // Nothing needs a comment: they come last, when all that they speak of is there.
  const ordered = [...entries.filter((entry) => !isSatellite(entry)), ...entries.filter(isSatellite)]
  for (const run of independentLanes(ordered, openSession ? jobs : 1, fewest)) {
    if ('serial' in run) {
      await serially(run.serial)
      continue
    }
    while (openSession && sessions.length < run.lanes.length) sessions.push(await openSession(sessions.length + 1))
    const failure = new AbortController()
    const lanes = run.lanes.map((lane, at) =>
      restoreWhatPasses(lane, {
        ...{ target: sessions[at] ?? target, id, signal: AbortSignal.any([signal, failure.signal]) },
        onBatch: (done) => {
          restored += done
          progress()
        },
      }).catch((error: unknown) => {
        failure.abort(error)
        throw error
      }),
    )
    const failed: StoredEntry[] = []
    // All, also if one fails: no session works on when this is over.
    for (const lane of await Promise.allSettled(lanes)) {
      if (lane.status === 'rejected') throw lane.reason
      failed.push(...lane.value)
    }
    // In their order, where an error is told as that of its entry alone.
    await serially(failed.sort((a, b) => a.ordinal - b.ordinal))
  }
  return { restored }
}
