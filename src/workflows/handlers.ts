import { ApplicationFailure, setHandler } from '@temporalio/workflow'
import { validateCutoverArgument } from '../spec/cutover-argument.ts'
import { validateRerun } from '../spec/rerun-argument.ts'
import { validateTransferRate } from '../spec/transfer-rate-argument.ts'
import { reportSignal, signals, statusQuery, updates } from './messages.ts'
import type { Migration } from './migration.ts'
import { applyReport, statusOf } from './migration-state.ts'

const LATER = 'is not in this version of pgmove; it had no effect.'

/** The reason why a cutover can't be asked for, or undefined. */
function cutoverProblem(migration: Migration, argument: unknown): string | undefined {
  const checked = validateCutoverArgument(argument, migration.spec.cutover.fence)
  if ('problem' in checked) return checked.problem
  if (migration.state.ended) return 'The migration has ended.'
  if (!migration.has('incremental')) return 'This migration has no incremental replication: it completes by itself, without a cutover.'
  return undefined
}

/** The reason why there is no cutover to abort, or undefined. */
function abortProblem({ state }: Migration): string | undefined {
  if (state.ended) return 'The migration has ended.'
  if (state.cutoverDecided) return 'The cutover is past its last check: the target is being put in working order, and the source is let go.'
  if (!state.cutoverRequested && state.phase !== 'cutover') return 'No cutover is under way.'
  return undefined
}

/** The reason why no limit can be set, or undefined. */
function rateProblem(migration: Migration): string | undefined {
  const { state } = migration
  if (state.ended) return 'The migration has ended.'
  if (!migration.has('full')) return 'This migration copies nothing: it has no full data migration.'
  if (!['precheck', 'schema', 'full'].includes(state.phase)) return 'The copy is over; the limits hold for it alone.'
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
  const requestCutover = (): void => {
    state.cutoverRequested = true
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

  setHandler(statusQuery, () => statusOf(state), { description: 'Phase, state, progress, lag, warnings and errors of the migration.' })
  setHandler(
    reportSignal,
    (report) => {
      if (report.firstRunId !== migration.input.ref.firstRunId) return
      applyReport(state, report)
      migration.show()
    },
    { description: "Sent by pgmove's own activities." },
  )
  setHandler(
    signals.cutover,
    (argument) => {
      const problem = cutoverProblem(migration, argument)
      if (problem === undefined) requestCutover()
      else migration.refuse('NotNow', problem)
    },
    { description: 'Ends incremental replication by a clean cutover. Sent early, it waits until replication is undelayed.' },
  )
  setHandler(signals.abortCutover, abortCutover, {
    description: 'Stops a cutover that has not released the source yet; replication goes on.',
  })
  setHandler(signals.pause, () => migration.pause(), { description: 'Stops moving data; nothing is lost or copied again.' })
  setHandler(signals.resume, () => migration.resume(), { description: 'Goes on after a pause, and tries again whatever waits.' })
  refuseLater(migration, 'resolve')
  const rateOf = (argument: unknown) => {
    const problem = rateProblem(migration)
    return problem === undefined ? validateTransferRate(argument, migration.transferRate) : { problem }
  }
  const setRate = (argument: unknown): void => {
    const checked = rateOf(argument)
    if ('problem' in checked) return migration.refuse('InvalidArgument', checked.problem)
    state.transferRate = checked.rate
    migration.touch()
  }
  setHandler(signals.setTransferRate, setRate, { description: 'Limits the copy, over all workers together; null lifts a limit.' })
  setHandler(updates.setTransferRate, setRate, {
    description: 'As the signal setTransferRate.',
    validator: (argument?: unknown): void => {
      const checked = rateOf(argument)
      if ('problem' in checked) reject(checked.problem)
    },
  })
  const rerunOf = (argument: unknown) => {
    const problem = rerunProblem(migration)
    return problem === undefined ? validateRerun(argument, migration.ignoreWarnings) : { problem }
  }
  const rerun = (argument: unknown): void => {
    const checked = rerunOf(argument)
    if ('problem' in checked) return migration.refuse('InvalidArgument', checked.problem)
    state.ignoreWarnings = checked.ignoreWarnings
    migration.tryAgain()
  }
  setHandler(signals.rerunPrecheck, rerun, {
    description: 'Runs a precheck that waits again; {"ignoreWarnings": true | [names]} accepts its warnings.',
  })
  setHandler(updates.rerunPrecheck, rerun, {
    description: 'As the signal rerunPrecheck.',
    validator: (argument?: unknown): void => {
      const checked = rerunOf(argument)
      if ('problem' in checked) reject(checked.problem)
    },
  })
  const open = (): void => {
    if (state.ended) reject('The migration has ended.')
  }
  // Validators are plain synchronous functions: the result of an async one is ignored (TEMPORAL.md, trap 7).
  setHandler(
    updates.cutover,
    () => {
      requestCutover()
      return { remainingBytes: state.lag?.bytes ?? null, undelayed: state.undelayed }
    },
    {
      description: 'As the signal cutover; answers with what remains to drain.',
      validator: (argument?: unknown): void => {
        const problem = cutoverProblem(migration, argument)
        if (problem !== undefined) reject(problem)
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

/** A message whose behaviour comes in a later version: the signal is noted in `status.errors`, the update is rejected. */
function refuseLater(migration: Migration, name: 'resolve'): void {
  setHandler(signals[name], () => migration.refuse('NotInThisVersion', `The signal ${name} ${LATER}`), {
    description: 'Not in this version.',
  })
  setHandler(updates[name], (_argument?: unknown): void => undefined, {
    description: 'Not in this version.',
    validator: (_argument?: unknown): void => reject(`The update ${name} ${LATER}`),
  })
}

function reject(message: string): never {
  throw ApplicationFailure.nonRetryable(message, 'Rejected')
}
