import type { Database } from '../postgres/connect.ts'
import { literal } from '../postgres/quote.ts'
import { releaseSource, removalStatements } from '../source/release-source.ts'
import { retryOnLock } from '../source/retry-on-lock.ts'
import { slotName } from '../state/migration-ref.ts'
import type { CleanedSource } from '../workflows/clean-up-activities.ts'
import type { FoundOnSource, KeptOnSource, RemovedFromSource } from '../workflows/clean-up-result.ts'
import { dropIdleSlot } from './drop-idle-slot.ts'
import { readRecordedMigrations, readStraySlots } from './recorded-migration.ts'
import type { RecordedMigration } from './recorded-migration.ts'
import { verdict } from './verdict.ts'
import type { Rules, Verdict } from './verdict.ts'
import type { WorkflowState } from './workflow-state.ts'

export interface CleanUpSourceArgs extends Rules {
  readonly source: Database
  /** How the source is named in the result. */
  readonly label: string
  /** The UUID of the Temporal namespace that is asked for workflows. */
  readonly namespaceId: string
  readonly workflowState: (migration: RecordedMigration) => Promise<WorkflowState>
  /** What becomes of the fence of a migration whose workflow is closed. */
  readonly fenceOf: (migration: RecordedMigration) => Promise<'lift' | 'keep' | 'leave'>
  readonly dryRun: boolean
  readonly signal: AbortSignal
  /** What an earlier attempt has removed already. */
  readonly removedBefore?: readonly RemovedFromSource[]
  /** Told after each removal, so that a later attempt knows. */
  readonly onRemoved?: (removed: readonly RemovedFromSource[]) => void
}

/** For the locks of one migration's things; what stays locked is left to the next run. */
const PATIENCE_MS = 60_000
/** Long lists of statements are cut: one migration can have set thousands of replica identities. */
const STATEMENTS = 20

/**
 * Looks at everything that migrations have recorded on a source and removes what is proven to be over. One clean-up at a time looks at a
 * database; a second one waits. Throws only if the source can't be read or its connection is lost.
 */
export async function cleanUpSource(args: CleanUpSourceArgs): Promise<CleanedSource> {
  const { source, label, signal, dryRun } = args
  await retryOnLock(AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]), () =>
    source.query(`select pg_advisory_lock(hashtext('pgmove'), hashtext('clean up'))`),
  )
  const removed = [...(args.removedBefore ?? [])]
  const kept: KeptOnSource[] = []
  const recorded = await readRecordedMigrations(source)
  const strays = await readStraySlots(source, recorded)
  for (const migration of recorded) {
    const state = migration.namespaceId === args.namespaceId ? await args.workflowState(migration) : 'foreign'
    const judged = verdict(migration, state, args)
    const found = { ...describe(label, migration), reason: judged.reason }
    if (judged.remove && !dryRun) {
      const left = await remove(args, migration, judged)
      if (left === undefined) removed.push(found)
      else kept.push({ ...found, ...left })
      args.onRemoved?.(removed)
    } else if (judged.remove) removed.push(found)
    else kept.push({ ...found, ...statements(state === 'open' ? [] : await removalStatements(source, migration.id)) })
  }
  kept.push(...strays.map((stray) => strayOn(label, stray)))
  return { removed, kept, clean: (await readRecordedMigrations(source)).length === 0 }
}

/** Undefined if everything is gone; else why something stays, and what removes it. */
async function remove(
  { source, signal, olderThanMs, fenceOf }: CleanUpSourceArgs,
  migration: RecordedMigration,
  { proof, reason }: Extract<Verdict, { remove: true }>,
): Promise<({ readonly reason: string } & ByHand) | undefined> {
  const { id, recorded } = migration
  const fence = recorded['fence'] === undefined ? 'lift' : proof === 'closed' ? await fenceOf(migration) : 'leave'
  if (proof === 'idle') {
    const alive = await dropIdleSlot(source, id, olderThanMs, signal)
    if (alive) return { reason: 'It came to life while it was looked at, so nothing was removed.', ...statements([]) }
  }
  const { left } = await releaseSource({ source, id, deadline: Date.now() + PATIENCE_MS, fence, signal })
  if (left.length === 0) return undefined
  const why = left.slice(0, 3).map((one) => `${one.kind} ${one.name}: ${one.reason}`)
  return {
    reason: `${reason} But not everything could be removed: ${why.join('; ')}. The next run tries again.`,
    ...statements(left.map(({ statement }) => statement)),
  }
}

type ByHand = Pick<KeptOnSource, 'statements' | 'statementTotal'>

function statements(all: readonly string[]): ByHand {
  return { statements: all.slice(0, STATEMENTS), statementTotal: all.length }
}

function describe(label: string, migration: RecordedMigration): Omit<FoundOnSource, 'reason'> {
  const { id, workflowId, firstRunId, namespaceId, recorded, retainedBytes } = migration
  return { source: label, id, slot: slotName(id), workflowId, firstRunId, namespaceId, recorded, retainedBytes }
}

function strayOn(label: string, { id, retainedBytes }: { id: string; retainedBytes: string | null }): KeptOnSource {
  return {
    source: label,
    id,
    slot: slotName(id),
    workflowId: null,
    firstRunId: null,
    namespaceId: null,
    recorded: {},
    retainedBytes,
    reason: 'No migration has recorded this slot on the source, so nothing proves that it is over: pgmove never drops it.',
    ...statements([`select pg_drop_replication_slot(${literal(slotName(id))})`]),
  }
}
