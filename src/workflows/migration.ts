import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'
import { condition, isCancellation, log, patched, setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow'
import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow'
import { errorPolicy } from '../errors/error-policy.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import type { SourceName } from '../state/table-resolution.ts'
import { activity } from './activity-options.ts'
import { cancelAware } from './cancel-aware.ts'
import { currentDetails } from './current-details.ts'
import { IdleWatch } from './idle-watch.ts'
import type { MigrationActivities, MigrationInput } from './migration-activities.ts'
import { addError, enterPhase, forgetStream, statusOf } from './migration-state.ts'
import type { MigrationState } from './migration-state.ts'
import { answerable, resolveCommand } from './resolve-command.ts'
import { ShownAttributes } from './search-attributes.ts'
import type { Phase } from './status.ts'
import { workflowRef } from './workflow-ref.ts'

/** How long the search attributes are asked for. */
const FIND_ATTRIBUTES_MS = 600_000

const searchAttributeKey = (name: string) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD)

type Parameter<K extends keyof MigrationActivities> = Parameters<MigrationActivities[K]>[0]
type Result<K extends keyof MigrationActivities> = Awaited<ReturnType<MigrationActivities[K]>>
type Extra<K extends keyof MigrationActivities> = Omit<Parameter<K>, keyof MigrationInput>

/** One running migration: its state, and the way its activities are run, waited for and retried. */
export class Migration {
  readonly spec: MigrationSpec
  readonly state: MigrationState
  readonly ref = workflowRef()
  readonly #idle: IdleWatch
  #resumes = 0
  #carryingOut = false
  #attributes: ShownAttributes | undefined
  /** How often a table was marked to be copied again, in this run. */
  copiesMarked = 0

  constructor(spec: MigrationSpec, state: MigrationState) {
    this.spec = spec
    this.state = state
    this.#idle = new IdleWatch(this)
  }

  /** What every activity gets. */
  get input(): MigrationInput {
    return { ref: this.ref, spec: this.spec, phase: this.state.phase }
  }

  has(type: MigrationSpec['types'][number]): boolean {
    return this.spec.types.includes(type)
  }

  /** What the copy may move per second now. */
  get transferRate(): MigrationSpec['transferRate'] {
    return this.state.transferRate ?? this.spec.transferRate
  }

  /** The precheck's warnings that don't hold the migration up. */
  get ignoreWarnings(): MigrationSpec['ignoreWarnings'] {
    return this.state.ignoreWarnings ?? this.spec.ignoreWarnings
  }

  /** Shows the state in the Web UI. */
  show(): void {
    setCurrentDetails(currentDetails(this.state, workflowInfo().workflowId))
    const changed = this.#attributes?.take(statusOf(this.state), Date.now())
    if (changed) upsertSearchAttributes(Object.entries(changed).map(([name, value]) => ({ key: searchAttributeKey(name), value })))
  }

  /**
   * Sets the search attributes from now on, where they are registered: to set one that is not would fail every workflow task. That is asked
   * for once a run, beside the work; a migration does without them if there is no answer.
   */
  async showAttributes(): Promise<void> {
    if (!patched('search-attributes')) return
    try {
      const places = await this.runOnce('findSearchAttributes', 'Look for the search attributes of pgmove', {}, FIND_ATTRIBUTES_MS)
      this.#attributes = places ? new ShownAttributes(places) : undefined
    } catch {
      return
    }
    this.show()
  }

  enter(phase: Phase): void {
    if (this.state.phase !== phase) {
      enterPhase(this.state, phase, Date.now())
      log.info('phase begins', { phase })
    }
    this.show()
  }

  pause(): void {
    this.state.paused = true
    this.touch()
  }

  /** Ends a pause, and tries again whatever waits for the operator. */
  resume(): void {
    this.state.paused = false
    this.tryAgain()
  }

  /** Whatever waits for the operator is tried again. */
  tryAgain(): void {
    this.#resumes++
    this.touch()
  }

  touch(): void {
    this.state.asOf = new Date().toISOString()
    this.show()
  }

  /** Notes a message of the user that has no effect, with the reason. */
  refuse(type: 'NotNow' | 'InvalidArgument', message: string): void {
    addError(this.state, { at: new Date().toISOString(), type, message })
    this.show()
  }

  /** Resolves when the migration is not paused. */
  async unpaused(): Promise<void> {
    await this.#idle.until(() => !this.state.paused)
  }

  /**
   * Runs an activity until it succeeds. An error that waits for the operator is shown, and the activity run again after
   * `resume`; one that ends the migration or leads back from cutover is thrown as the ApplicationFailure that it is.
   */
  async run<K extends keyof MigrationActivities>(
    name: K,
    summary: string,
    extra: Extra<K>,
    queue: 'short' | 'data' = 'short',
  ): Promise<Result<K>> {
    const call = activity(name, summary, queue) as (input: unknown) => Promise<Result<K>>
    return this.untilDone(() => cancelAware(() => call({ ...this.input, ...extra })))
  }

  /** Runs an activity once, with what retries fit into the time; its error is the caller's. */
  async runOnce<K extends keyof MigrationActivities>(
    name: K,
    summary: string,
    extra: Extra<K>,
    scheduleToCloseMs: number,
  ): Promise<Result<K>> {
    const call = activity(name, summary, 'short', scheduleToCloseMs) as (input: unknown) => Promise<Result<K>>
    return call({ ...this.input, ...extra })
  }

  async untilDone<T>(attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      const result = await this.#unlessWaited(attempt)
      if (result) return result.value
      await this.carryOut()
    }
  }

  /** Undefined if it failed with what waits for the operator, and that has been waited for. */
  async #unlessWaited<T>(attempt: () => Promise<T>): Promise<{ readonly value: T } | undefined> {
    try {
      return { value: await attempt() }
    } catch (error) {
      if (isCancellation(error)) throw error
      const failure = applicationFailure(error)
      if (errorPolicy(failure.type ?? 'Internal') !== 'wait') throw failure
      await this.waitForOperator(failure.type ?? 'Internal', failure.message, tableOf(failure))
      return undefined
    }
  }

  /** Carries the operators' answers out that were sent by `resolve`, one after another; waits if that is under way. */
  async carryOut(): Promise<void> {
    const { state } = this
    while (state.resolutions.length > 0) {
      if (this.#carryingOut) {
        await condition(() => !this.#carryingOut)
        continue
      }
      const [next] = state.resolutions
      if (!next || next.action === 'retry') return
      this.#carryingOut = true
      try {
        await this.#carryOutOne(next.action, next, next.waitedFor)
        state.resolutions = state.resolutions.filter((other) => other !== next)
      } finally {
        this.#carryingOut = false
      }
    }
  }

  async #carryOutOne(action: 'copyAgain' | 'leaveOut', { schema, table }: SourceName, waitedFor: string | null): Promise<void> {
    const { state } = this
    const summary = action === 'leaveOut' ? `Leave ${schema}.${table} out` : `Note that ${schema}.${table} is to be copied again`
    const input = { ...this.input, table: { schema, table }, action, waitedFor }
    const resolve = (): ReturnType<MigrationActivities['resolveTable']> => cancelAware(() => activity('resolveTable', summary)(input))
    let result = await this.#unlessWaited(resolve)
    while (!result) result = await this.#unlessWaited(resolve)
    const { warning, problem } = result.value
    if (problem !== null) return this.refuse('InvalidArgument', problem)
    state.leftOut = state.leftOut.filter((other) => other.schema !== schema || other.table !== table)
    if (action === 'copyAgain') this.copiesMarked++
    if (warning !== null) state.leftOut.push({ schema, table, warning })
    this.touch()
  }

  /** Shows an error and waits for `resume`, or for `resolve` if it is one table's. Slot, publication and progress are kept. */
  async waitForOperator(kind: string, message: string, table?: SourceName): Promise<void> {
    const named = answerable(kind) ? table : undefined
    const shown = named ? withCommand(message, resolveCommand(this.ref.workflowId, named)) : message
    addError(this.state, { at: new Date().toISOString(), type: kind, message: shown })
    forgetStream(this.state)
    const resumes = this.#resumes
    const wait = { kind, message, ...(named && { table: named }) }
    this.state.waits.push(wait)
    this.touch()
    log.warn('waiting for the operator', { kind, phase: this.state.phase, ...(table && { table: `${table.schema}.${table.table}` }) })
    try {
      await this.#idle.until(() => this.#resumes > resumes)
    } finally {
      this.state.waits = this.state.waits.filter((other) => other !== wait)
      this.touch()
    }
  }
}

const MESSAGE_LIMIT = 1000

/** A command that doesn't fit is in the Web UI. */
function withCommand(message: string, command: string): string {
  const all = `${message} Or: ${command} (or "copyAgain", "leaveOut")`
  return all.length > MESSAGE_LIMIT ? message : all
}

/** The table, by its name on the source, that an activity's failure is about. */
export function tableOf({ details }: ApplicationFailure): SourceName | undefined {
  const [first] = (details ?? []) as ({ sourceTable?: SourceName } | null | undefined)[]
  return first?.sourceTable
}

/** The ApplicationFailure behind an activity's failure; whatever else it was becomes one of kind Internal. */
export function applicationFailure(error: unknown): ApplicationFailure {
  for (let e = error; e instanceof Error; e = e.cause) if (e instanceof ApplicationFailure) return e
  const message = error instanceof ActivityFailure ? `${error.message}: ${error.cause?.message ?? ''}` : String(error)
  return ApplicationFailure.nonRetryable(message.slice(0, 900), 'Internal')
}
