import type { MigrationSpec } from '../spec/migration-spec.ts'
import type { Resolution } from '../spec/resolve-argument.ts'
import type { SourceName } from '../state/table-resolution.ts'
import type { ActivityReport, ConnectionStatus, IndexBuild, Phase, PrecheckResult, Status, StatusError, TableProgress } from './status.ts'
import { cutList } from './status.ts'

/** What the workflow knows of its migration. JSON through and through: it is carried over continue-as-new. */
export interface MigrationState {
  /** Raised when the shape changes, so that a newer worker can read an older run. */
  readonly version: 1
  phase: Phase
  paused: boolean
  /** As the signal setTransferRate set it; null: as the spec has it. */
  transferRate: MigrationSpec['transferRate'] | null
  /** The activities that copy have not been told of it. */
  rateUntold?: boolean
  /** As the signal rerunPrecheck set it; null: as the spec has it. */
  ignoreWarnings: MigrationSpec['ignoreWarnings'] | null
  /** A cutover was asked for and has not ended. */
  cutoverRequested: boolean
  abortRequested: boolean
  /** As the signal cutover asked for it; absent: as the spec has it. */
  cutoverFence?: MigrationSpec['cutover']['fence']
  /** Stands on the source, or may; with the statements that lift it by hand, once it is raised. */
  fence?: { readonly statements: readonly string[] } | null
  /** The stream writes down the keys of the rows that it changes. */
  keysLogged?: boolean
  /** Triggers and keys on the target are being switched on, or are on: who goes back to replication has to undo it. */
  restoring?: boolean
  /** The cutover has passed its last check; from then on it can't be aborted. */
  cutoverDecided: boolean
  /** What waits for the operator; several activities can wait at once. */
  waits: Wait[]
  /** Operators' answers that are still to be carried out, oldest first. */
  resolutions: (Resolution & { readonly waitedFor: string | null })[]
  /** Tables whose changes are no longer applied. */
  leftOut: (SourceName & { readonly warning: string })[]
  /** Since a table was copied again the tables agree from this LSN on; null: they do. */
  catchUpTo: string | null
  undelayed: boolean
  lag: Status['lag']
  slot: Status['slot']
  tables: Status['tables']
  rows: string
  bytes: Status['bytes']
  rate: number
  eta: number | null
  /** Tables are copied again while the others' changes are applied. */
  copyingAgain?: boolean
  /** What the last report of the copy named; runs that older workers began have none. */
  copying?: readonly TableProgress[]
  building?: readonly IndexBuild[]
  source: ConnectionStatus
  target: ConnectionStatus
  precheck: PrecheckResult | null
  warnings: string[]
  /** What is to be said of the slot now. */
  slotWarning: string | null
  sequences: { name: string; value: string }[]
  sequenceTotal: number
  /** What was compared after a copy under one snapshot. */
  copied: { tables: number; rows: string } | null
  errors: StatusError[]
  errorTotal: number
  /** Milliseconds of work per phase. */
  durations: Partial<Record<Phase, number>>
  phaseStartedAt: number
  ended: 'failed' | 'completed' | null
  asOf: string
}

/** An error that waits for the operator. */
export interface Wait {
  readonly kind: string
  readonly message: string
  /** The table that it is about, if it is one's. */
  readonly table?: SourceName | undefined
}

export function initialState(now: number): MigrationState {
  return {
    version: 1,
    phase: 'precheck',
    paused: false,
    transferRate: null,
    ignoreWarnings: null,
    cutoverRequested: false,
    abortRequested: false,
    cutoverDecided: false,
    waits: [],
    resolutions: [],
    leftOut: [],
    catchUpTo: null,
    undelayed: false,
    lag: null,
    slot: null,
    tables: { total: 0, copied: 0 },
    rows: '0',
    bytes: { total: '0', copied: '0' },
    rate: 0,
    eta: null,
    source: { state: 'connected' },
    target: { state: 'connected' },
    precheck: null,
    warnings: [],
    slotWarning: null,
    sequences: [],
    sequenceTotal: 0,
    copied: null,
    errors: [],
    errorTotal: 0,
    durations: {},
    phaseStartedAt: now,
    ended: null,
    asOf: new Date(now).toISOString(),
  }
}

/** The answer of the query `status`. */
export function statusOf(state: MigrationState): Status {
  return {
    asOf: state.asOf,
    phase: state.phase,
    state:
      state.ended ??
      (state.waits.length > 0
        ? 'waiting'
        : state.source.state === 'reconnecting' || state.target.state === 'reconnecting'
          ? 'reconnecting'
          : state.paused
            ? 'paused'
            : 'running'),
    undelayed: state.undelayed,
    cutoverRequested: state.cutoverRequested,
    waits: state.waits.slice(0, 50).map(({ kind, message, table }) => ({ kind, message, table: table ?? null })),
    lag: state.lag,
    slot: state.slot,
    tables: state.tables,
    rows: state.rows,
    bytes: state.bytes,
    rate: state.rate,
    eta: state.eta,
    durations: state.durations,
    phaseStartedAt: new Date(state.phaseStartedAt).toISOString(),
    copying: state.phase === 'full' || state.copyingAgain === true ? (state.copying ?? []) : [],
    building: state.phase === 'full' ? (state.building ?? []) : [],
    fence: state.fence ?? null,
    connection: { source: state.source, target: state.target },
    precheck: precheckOf(state),
    warnings: cutList([...slotWarnings(state), ...copyWarnings(state), ...warningsOf(state)]),
    sequences: { total: state.sequenceTotal, items: state.sequences },
    errors: { total: state.errorTotal, items: state.errors },
  }
}

/** A server that can't be reached while the databases are checked shows as the Failed item `connection`; it is retried by itself. */
function precheckOf(state: MigrationState): PrecheckResult | null {
  if (state.phase !== 'precheck') return state.precheck
  const lost = (['source', 'target'] as const).filter((side) => state[side].state === 'reconnecting')
  if (lost.length === 0) return state.precheck
  const item = {
    name: 'connection',
    status: 'Failed' as const,
    found: `the ${lost.join(' and the ')} can't be reached`,
    expected: 'both servers answer',
    fix: 'Check host, port and firewall; pgmove tries again by itself within the reconnect window.',
    objects: [],
    objectCount: 0,
  }
  return { status: 'Failed', items: [item, ...(state.precheck?.items ?? [])] }
}

/** Takes over what an activity reported. */
export function applyReport(state: MigrationState, report: ActivityReport): void {
  if (report.undelayed !== undefined) state.undelayed = report.undelayed
  if (report.lag) state.lag = report.lag
  if (report.slot) {
    const { startLsn, appliedLsn } = report.slot
    // An attempt that has just begun has applied nothing yet; what earlier ones applied stands.
    state.slot = {
      ...report.slot,
      startLsn: startLsn ?? state.slot?.startLsn ?? null,
      appliedLsn: appliedLsn ?? state.slot?.appliedLsn ?? null,
    }
  }
  if (report.tables) state.tables = report.tables
  if (report.rows !== undefined) state.rows = report.rows
  if (report.bytes) state.bytes = report.bytes
  if (report.rate !== undefined) state.rate = report.rate
  if (report.eta !== undefined) state.eta = report.eta
  if (report.copying) state.copying = report.copying
  if (report.building) state.building = report.building
  if (report.connection?.source) state.source = report.connection.source
  if (report.connection?.target) state.target = report.connection.target
  if (report.slotWarning !== undefined) state.slotWarning = report.slotWarning
  for (const warning of report.warnings ?? []) addWarning(state, warning)
  state.asOf = report.at
}

/** The slot of a migration that has ended is no concern any more. */
function slotWarnings({ ended, slotWarning }: MigrationState): string[] {
  return ended !== null || slotWarning === null ? [] : [slotWarning]
}

/** What a copy beside the stream means for whoever looks at lag and slot. */
function copyWarnings({ copyingAgain }: MigrationState): string[] {
  if (copyingAgain !== true) return []
  return [
    'A table is copied again and is behind the others until it has caught up. A cutover waits for it, and the slot keeps all WAL meanwhile.',
  ]
}

/** Those of what is left out come first. */
export function warningsOf({ leftOut, warnings }: MigrationState): string[] {
  return [...leftOut.map(({ warning }) => warning), ...warnings]
}

export function addWarning(state: MigrationState, warning: string): void {
  if (!state.warnings.includes(warning) && state.warnings.length < 200) state.warnings.push(warning)
}

/**
 * Nobody applies the stream any more: what the last attempt told of its lag holds no longer, and a server that it had lost may
 * be back. The next attempt tells anew.
 */
export function forgetStream(state: MigrationState): void {
  state.undelayed = false
  state.lag = null
  state.source = { state: 'connected' }
  state.target = { state: 'connected' }
}

/** Remembers an error for `status`: the newest 50, with the number of all. */
export function addError(state: MigrationState, error: StatusError): void {
  state.errorTotal++
  state.errors.push(error)
  if (state.errors.length > 50) state.errors.shift()
}

/** Begins a phase and books the time of the one before. */
export function enterPhase(state: MigrationState, phase: Phase, now: number): void {
  state.durations[state.phase] = (state.durations[state.phase] ?? 0) + (now - state.phaseStartedAt)
  state.phase = phase
  state.phaseStartedAt = now
  state.asOf = new Date(now).toISOString()
}
