import { ApplicationFailure, setHandler } from '@temporalio/workflow'
import { validateCutoverArgument } from '../spec/cutover-argument.ts'
import type { Fence } from '../spec/migration-spec.ts'
import { validateResolve } from '../spec/resolve-argument.ts'
import type { Resolution } from '../spec/resolve-argument.ts'
import { validateRerun } from '../spec/rerun-argument.ts'
import { validateTransferRate } from '../spec/transfer-rate-argument.ts'
import type { SourceName } from '../state/table-resolution.ts'
import { MESSAGES, STATUS_DESCRIPTION } from './message-catalogue.ts'
import { reportSignal, signals, statusQuery, updates } from './messages.ts'
import type { Migration } from './migration.ts'
import { applyReport, statusOf } from './migration-state.ts'
import type { Wait } from './migration-state.ts'
import { answerable } from './resolve-command.ts'

/** The fence that a cutover is asked for with, or the reason why it can't be. */
function cutoverOf(migration: Migration, argument: unknown): { fence: Fence } | { problem: string } {
  const checked = validateCutoverArgument(argument, migration.spec.cutover.fence)
  if ('problem' in checked) return checked
  if (migration.state.ended) return { problem: 'The migration has ended.' }
  if (!migration.has('incremental'))
    return { problem: 'This migration has no incremental replication: it completes by itself, without a cutover.' }
  return checked
}

/** The reason why there is no cutover to abort, or undefined. */
function abortProblem({ state }: Migration): string | undefined {
  if (state.ended) return 'The migration has ended.'
  if (state.cutoverDecided) return 'The cutover is past its last check: the target has what it needs, and the source is let go.'
  if (!state.cutoverRequested && state.phase !== 'cutover') return 'No cutover is under way.'
  return undefined
}

/** The reason why no limit can be set, or undefined. */
function rateProblem(migration: Migration): string | undefined {
  const { state } = migration
  if (state.ended) return 'The migration has ended.'
  if (!migration.has('full')) return 'This migration copies nothing: it has no full data migration.'
  // At the cutover what is in no stream is copied once more.
  const over = migration.has('incremental') ? state.cutoverDecided : !['precheck', 'schema', 'full'].includes(state.phase)
  if (over) return 'The copy is over; the limits hold for it alone.'
  return undefined
}

/** The reason why there is no precheck to run again, or undefined. */
function rerunProblem({ state }: Migration): string | undefined {
  if (state.ended) return 'The migration has ended.'
  if (state.phase !== 'precheck') return 'The precheck is over.'
  return state.waits.length === 0 ? 'The precheck runs; it waits for nobody.' : undefined
}

/**
 * Sets every handler; called in the workflow's first synchronous lines, so that no signal or update is missed. Handlers are
 * synchronous and never throw: a signal handler that throws would fail the Workflow Task for ever.
 */
export function setHandlers(migration: Migration): void {
  const { state } = migration
  const requestCutover = (fence: Fence): void => {
    state.cutoverRequested = true
    // One that is under way goes on as it began.
    if (state.phase !== 'cutover' || state.abortRequested) state.cutoverFence = fence
    state.abortRequested = false
    migration.touch()
  }
  const abortCutover = (): void => {
    const problem = abortProblem(migration)
    if (problem !== undefined) return migration.refuse('NotNow', problem)
    if (state.phase === 'cutover') state.abortRequested = true
    state.cutoverRequested = false
    migration.touch()
  }

  setHandler(statusQuery, () => statusOf(state), { description: STATUS_DESCRIPTION })
  setHandler(
    reportSignal,
    (report) => {
      if (report.firstRunId !== migration.ref.firstRunId) return
      applyReport(state, report)
      migration.show()
    },
    { description: "Sent by pgmove's own activities." },
  )
  setHandler(
    signals.cutover,
    (argument) => {
      const checked = cutoverOf(migration, argument)
      if ('problem' in checked) migration.refuse('NotNow', checked.problem)
      else requestCutover(checked.fence)
    },
    { description: MESSAGES.cutover.description },
  )
  setHandler(signals.abortCutover, abortCutover, { description: MESSAGES.abortCutover.description })
  setHandler(signals.pause, () => migration.pause(), { description: MESSAGES.pause.description })
  setHandler(signals.resume, () => migration.resume(), { description: MESSAGES.resume.description })
  const resolutionFor = (argument: unknown) => resolutionOf(migration, argument)
  setChecked(migration, 'resolve', resolutionFor, (resolution) => {
    if (resolution.action !== 'retry') state.resolutions.push(resolution)
    migration.tryAgain()
  })
  const rateOf = (argument: unknown) => {
    const problem = rateProblem(migration)
    return problem === undefined ? validateTransferRate(argument, migration.transferRate) : { problem }
  }
  setChecked(migration, 'setTransferRate', rateOf, ({ rate }) => {
    state.transferRate = rate
    state.rateUntold = true
    migration.touch()
  })
  const rerunOf = (argument: unknown) => {
    const problem = rerunProblem(migration)
    return problem === undefined ? validateRerun(argument, migration.ignoreWarnings) : { problem }
  }
  setChecked(migration, 'rerunPrecheck', rerunOf, ({ ignoreWarnings }) => {
    state.ignoreWarnings = ignoreWarnings
    migration.tryAgain()
  })
  const open = (): void => {
    if (state.ended) reject('The migration has ended.')
  }
  // Validators are plain synchronous functions: the result of an async one is ignored (TEMPORAL.md, trap 7).
  setHandler(
    updates.cutover,
    (argument?: unknown) => {
      const checked = cutoverOf(migration, argument)
      if ('problem' in checked) reject(checked.problem)
      requestCutover(checked.fence)
      return { remainingBytes: state.lag?.bytes ?? null, undelayed: state.undelayed }
    },
    {
      description: 'As the signal cutover; answers with what remains to drain.',
      validator: (argument?: unknown): void => {
        const checked = cutoverOf(migration, argument)
        if ('problem' in checked) reject(checked.problem)
      },
    },
  )
  setHandler(updates.abortCutover, abortCutover, {
    description: 'As the signal abortCutover.',
    validator: () => {
      const problem = abortProblem(migration)
      if (problem !== undefined) reject(problem)
    },
  })
  setHandler(updates.pause, () => migration.pause(), { description: 'As the signal pause.', validator: open })
  setHandler(updates.resume, () => migration.resume(), { description: 'As the signal resume.', validator: open })
}

/**
 * A signal and the update of the same name whose argument `check` judges: a signal that it refuses is noted in `status.errors`, an update
 * rejected, both with its reason.
 */
function setChecked<T extends object>(
  migration: Migration,
  name: 'setTransferRate' | 'rerunPrecheck' | 'resolve',
  check: (argument: unknown) => T | { problem: string },
  apply: (checked: T) => void,
): void {
  const handle = (argument: unknown): void => {
    const checked = check(argument)
    if ('problem' in checked) migration.refuse('InvalidArgument', checked.problem)
    else apply(checked)
  }
  setHandler(signals[name], handle, { description: MESSAGES[name].description })
  setHandler(updates[name], handle, {
    description: `As the signal ${name}.`,
    validator: (argument?: unknown): void => {
      const checked = check(argument)
      if ('problem' in checked) reject(checked.problem)
    },
  })
}

/** An operator's answer with the kind of error that it answers, or the reason why there is nothing to answer. */
function resolutionOf(migration: Migration, argument: unknown): (Resolution & { waitedFor: string | null }) | { problem: string } {
  const { state } = migration
  const checked = validateResolve(argument)
  if ('problem' in checked) return checked
  const { resolution } = checked
  const { schema, table, action } = resolution
  const name = JSON.stringify(`${schema}.${table}`)
  if (state.ended) return { problem: 'The migration has ended.' }
  if (action === 'copyAgain' && !migration.has('incremental')) {
    return { problem: 'resolve: without incremental replication all tables are copied under one snapshot; expected "retry" or "leaveOut"' }
  }
  if (action === 'copyAgain' && state.cutoverDecided) {
    return { problem: 'resolve: the cutover is past its last check, no table is copied any more' }
  }
  const open = state.waits.filter(({ kind }) => answerable(kind))
  const wait = open.find((one) => !one.table || isSame(one.table, resolution))
  const leftOut = state.leftOut.some((one) => isSame(one, resolution))
  if (wait || (leftOut && action === 'copyAgain')) return { ...resolution, waitedFor: wait?.kind ?? null }
  return { problem: `resolve: no error of ${name} waits for an answer${leftOut ? '; the table is left out' : ''}; ${waiting(open)}` }
}

function waiting(open: readonly Wait[]): string {
  const tables = open.flatMap(({ table }) => (table ? [JSON.stringify(`${table.schema}.${table.table}`)] : []))
  return tables.length === 0 ? 'no table does' : `those of ${tables.slice(0, 5).join(', ')} do`
}

function isSame(a: SourceName, b: SourceName): boolean {
  return a.schema === b.schema && a.table === b.table
}

function reject(message: string): never {
  throw ApplicationFailure.nonRetryable(message, 'Rejected')
}
