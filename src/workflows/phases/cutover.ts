import { ApplicationFailure } from '@temporalio/workflow'
import { errorPolicy } from '../../errors/error-policy.ts'
import { runChangeStream } from '../change-stream-run.ts'
import { INTERRUPTED, interruptible } from '../interruptible.ts'
import type { Migration } from '../migration.ts'
import { addError } from '../migration-state.ts'
import type { MigrationReport } from '../migration-report.ts'
import type { Phase } from '../status.ts'

/** How often the drain is repeated while the source still changes, before the cutover goes back. */
const ROUNDS = 5

export interface CutoverFacts {
  readonly lsn: string
  readonly downtimeMs: number
  readonly validation: MigrationReport['validation']
}

/**
 * Drains the stream to a marker taken after the signal, verifies, sets sequences, and puts the target in working order.
 * Goes back to incremental replication on abortCutover, which interrupts whatever runs or waits, and on FenceLeaked and
 * ValidationFailed: until `restoreTarget` nothing has been done on the target that replication can't go on from.
 */
export async function cutover(migration: Migration): Promise<CutoverFacts | Phase> {
  const { state } = migration
  const startedAt = Date.now()
  try {
    const checked = await interruptible(
      () => drainAndVerify(migration),
      () => state.abortRequested,
    )
    if (checked === INTERRUPTED || state.abortRequested) {
      // A cutover that was sent again meanwhile stays asked for.
      state.abortRequested = false
      migration.touch()
      return 'incremental'
    }
    state.cutoverDecided = true
    await migration.run('restoreTarget', 'Switch triggers, rules, identities and foreign keys on; owners, grants and settings', {}, 'data')
    return { ...checked, downtimeMs: Date.now() - startedAt }
  } catch (error) {
    if (!(error instanceof ApplicationFailure) || errorPolicy(error.type ?? '') !== 'return') throw error
    addError(state, { at: new Date().toISOString(), type: error.type ?? 'Internal', message: error.message })
    state.cutoverRequested = false
    state.abortRequested = false
    migration.touch()
    return 'incremental'
  }
}

async function drainAndVerify(migration: Migration): Promise<Omit<CutoverFacts, 'downtimeMs'>> {
  const { state, spec } = migration
  for (let round = 1; ; round++) {
    const { lsn } = await drain(migration, 'Drain')
    const marked = migration.copiesMarked
    await migration.run('verifyTarget', 'Verify foreign keys, deferrable keys and definitions', {}, 'data')
    if (migration.copiesMarked !== marked) {
      // A table that held this up is copied when the stream goes on; then it is looked at again.
      round--
      continue
    }
    await migration.run('refreshViews', 'Bring materialized views, unlogged tables and large objects up to date', {}, 'data')
    const counts = spec.cutover.validate === 'none' ? null : await migration.run('compareCounts', 'Compare row counts', {}, 'data')
    // What was committed since the marker shows that somebody still writes: then everything is done once more.
    const { changes } = await drain(migration, 'Drain once more')
    // Last, so that the values are those of the end: a sequence can move without any row that is committed.
    const sequences = await migration.run('setSequences', 'Set sequences', {})
    state.sequences = [...sequences.items]
    state.sequenceTotal = sequences.total
    const differing = counts?.differing ?? []
    if (changes === 0 && sequences.moved.length === 0 && differing.length === 0) {
      const validation = counts
        ? { method: 'counts' as const, tables: counts.tables, rows: counts.rows, differing }
        : { method: 'none' as const, tables: 0, rows: '0', differing }
      return { lsn, validation }
    }
    if (changes === 0 && differing.length > 0) {
      throw ApplicationFailure.nonRetryable(
        `Row counts differ in ${differing.slice(0, 10).join(', ')}. pgmove went back to incremental replication. Find the cause, then send the signal cutover again, or cancel.`,
        'ValidationFailed',
      )
    }
    if (round === ROUNDS) {
      const what =
        sequences.moved.length > 0 ? `sequences moved (${sequences.moved.slice(0, 5).join(', ')})` : `${changes} changes were committed`
      throw ApplicationFailure.nonRetryable(
        `After the cutover's marker ${what} on the source: somebody still writes. pgmove went back to incremental replication. Stop all writers, then send the signal cutover again.`,
        'FenceLeaked',
      )
    }
  }
}

async function drain(migration: Migration, what: string): Promise<{ lsn: string; changes: number }> {
  const { lsn } = await migration.run('takeMarker', 'Take the marker LSN on the source', {})
  let changes = 0
  for (;;) {
    const result = await runChangeStream(migration, { summary: `${what} to ${lsn}`, until: lsn })
    if (result === 'interrupted') continue
    changes += result.changes
    if (result.reason === 'until') return { lsn, changes }
  }
}
