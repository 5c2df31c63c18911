import { ApplicationFailure, patched } from '@temporalio/workflow'
import type { CutoverLedger } from '../cutover-ledger.ts'
import type { DataResult, DifferingTable } from '../data-result.ts'
import type { Migration } from '../migration.ts'
import type { MigrationReport } from '../migration-report.ts'
import { besideStream } from './beside-stream.ts'

/** What the comparison of the data behind the marker came to. */
export interface CutoverValidation {
  readonly validation: MigrationReport['validation']
  /** What a cutover goes back with; undefined if nothing differs. To be thrown only if nobody has written meanwhile. */
  readonly failure: ApplicationFailure | undefined
}

/** Rows that changed during the comparison are compared again before the fence. */
const CHANGED_FIRST = 'changed-rows-first'
const CHANGED_ROUNDS = 6
const SHORT_ROUND_MS = 1500
/** A round that takes more than this share of the one before it brings nothing more. */
const WORTHWHILE = 0.8

const NO_LIMIT = { megabytesPerSecond: null, rowsPerSecond: null }

/**
 * Before anything is fenced, and while changes stream in: compares all data by checksum, if the spec wants that, and from then on has the keys
 * of changed rows written down. Differences are ValidationFailed.
 */
export async function validateBeforeCutover(migration: Migration, ledger: CutoverLedger): Promise<DataResult | undefined> {
  const { state, spec } = migration
  if (spec.cutover.validate !== 'checksum') return undefined
  state.keysLogged = true
  await migration.run('logKeys', 'Write down the keys of rows that change from now on', { open: true })
  const validation = { what: ['data'], method: 'checksum', sample: 1, tables: null, transferRate: NO_LIMIT } as const
  const compared = await ledger.step('compareData', () =>
    // A stream that begins now writes the keys down.
    besideStream(migration, undefined, async () => {
      const result = await migration.run('compareData', 'Compare all rows while changes stream in', { validation, own: true }, 'data')
      if (patched(CHANGED_FIRST)) await compareChangedFirst(migration)
      return result
    }),
  )
  if (!compared) throw ApplicationFailure.nonRetryable('The comparison of the data came to nothing.', 'Internal')
  const { differing, kept } = compared.result
  const failing = differing.items.filter(({ missing, extra, different }) => missing + extra + different > 0)
  if (failing.length > 0) throw rowsDiffer(failing, kept)
  return compared.result
}

/**
 * What has changed during the comparison is compared again, and what has changed during that, as long as each round is shorter: so that little is left
 * for the time in which nobody may write.
 */
async function compareChangedFirst(migration: Migration): Promise<void> {
  for (let round = 1, before = Infinity; round <= CHANGED_ROUNDS; round++) {
    const begun = Date.now()
    const { differing, kept } = await migration.run(
      'compareChanged',
      'Compare again what has changed meanwhile',
      { streaming: true },
      'data',
    )
    const failing = differing.items.filter(({ missing, extra, different }) => missing + extra + different > 0)
    if (failing.length > 0) throw rowsDiffer(failing, kept)
    const took = Date.now() - begun
    if (took < SHORT_ROUND_MS || took > before * WORTHWHILE) return
    before = took
  }
}

/** Compares the data of both sides, drained to the marker, as the spec has it: with checksums what has changed since `before`. */
export async function validateCutover(migration: Migration, before?: DataResult): Promise<CutoverValidation> {
  if (migration.spec.cutover.validate === 'none') {
    return { validation: { method: 'none', tables: 0, rows: '0', differing: [] }, failure: undefined }
  }
  if (before) {
    const { rows, differing, kept } = await migration.run('compareChanged', 'Compare what has changed since', {}, 'data')
    const names = differing.items.map(({ table }) => table)
    return {
      validation: { method: 'checksum', tables: before.tables, rows: before.rows, rowsComparedAgain: rows, differing: names },
      failure: differing.total > 0 ? rowsDiffer(differing.items, kept) : undefined,
    }
  }
  const { tables, rows, differing } = await migration.run('compareCounts', 'Compare row counts', {}, 'data')
  return { validation: { method: 'counts', tables, rows, differing }, failure: differing.length > 0 ? countsDiffer(differing) : undefined }
}

function countsDiffer(differing: readonly string[]): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `Row counts differ in ${differing.slice(0, 10).join(', ')}. pgmove went back to incremental replication. Find the cause, then send the signal cutover again, or cancel.`,
    'ValidationFailed',
  )
}

function rowsDiffer(differing: readonly DifferingTable[], kept: string | null): ApplicationFailure {
  const tables = differing.slice(0, 5).map(({ table, missing, extra, different, undecided }) => {
    const kinds = Object.entries({ missing, extra, different, 'never still': undecided }).filter(([, rows]) => rows > 0)
    return `${table.slice(0, 80)} (${kinds.map(([kind, rows]) => `${rows} ${kind}`).join(', ')})`
  })
  const more = differing.length > tables.length ? ' and others' : ''
  const where = kept === null ? '' : ` Their keys, on the target: ${kept}.`
  return ApplicationFailure.nonRetryable(
    `Rows of source and target differ in ${tables.join(', ')}${more}.${where} pgmove went back to incremental replication. Find the cause and make the rows equal, then send the signal cutover again, or cancel.`,
    'ValidationFailed',
  )
}
