import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { Context } from '@temporalio/activity'
import { connect } from '../postgres/connect.ts'
import type { ConnectOptions, Database } from '../postgres/connect.ts'
import { resolveConnection } from '../postgres/resolve-connection.ts'
import type { ResolvedConnection } from '../postgres/resolved-connection.ts'
import type { Side } from '../errors/migration-error.ts'
import { WorkCounters } from '../metrics/work-counters.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { migrationId } from '../state/migration-ref.ts'
import type { MigrationRef } from '../state/migration-ref.ts'
import type { MigrationInput } from '../workflows/migration-activities.ts'
import type { Phase } from '../workflows/status.ts'
import { connectionPace } from './connection-pace.ts'
import type { Failpoint } from './failpoints.ts'
import { OutageReports } from './outage-reports.ts'
import type { ReportContent, ShownStatus } from './outage-reports.ts'
import type { Outage } from './reconnect-window.ts'
import { slotNews } from './slot-news.ts'
import type { SlotFigures } from './slot-news.ts'
import { watchSlot } from './slot-watch.ts'
import { WorkflowLink } from './workflow-link.ts'

/** What activities need from outside; tests inject a clock and failpoints. */
export interface ActivityServices {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Called at every crash-relevant step with its name; does nothing in production. Must not fail. */
  readonly failpoint: (name: Failpoint) => void | Promise<void>
  /** A gap between attempts, in milliseconds, after which no worker is taken to have run. Default: ABSENCE_MS. */
  readonly absenceMs?: number
  /** Between two attempts to reach a side that is away, in milliseconds. Default: PACE_MS. */
  readonly paceMs?: number
  /** Where references to environment variables are looked up. */
  readonly env: Readonly<Record<string, string | undefined>>
}

export const PRODUCTION_SERVICES: ActivityServices = { now: Date.now, failpoint: () => undefined, env: process.env }

/** What a log entry may say beside its message: names, numbers and positions, never rows' values. */
export interface LogAttributes {
  /** The source's name, as `status` shows it; an error's may be the target's, quoted. */
  readonly table?: string | undefined
  readonly lsn?: string | undefined
  readonly [name: string]: string | number | undefined
}

export type Outages = Partial<Record<Side, Outage>>

/** One attempt of an activity: its connections, its heartbeat details, its way to tell the workflow. */
export class ActivityRun {
  readonly id: string
  readonly ref: MigrationRef
  readonly spec: MigrationSpec
  readonly services: ActivityServices
  readonly context: Context
  /** Aborted on cancel, pause and the worker's shutdown, and when the slot is lost that this attempt needs. */
  readonly signal: AbortSignal
  /** Shown with the pending activity in the Web UI. */
  progress: Readonly<Record<string, unknown>> = {}
  outages: Outages
  readonly outageReports = new OutageReports({
    shown: () => this.shownStatus(),
    send: (report, requestId) => this.report(report, requestId),
  })
  readonly counters: WorkCounters
  readonly #phase: Phase | undefined
  readonly #lookedBack = new Set<Side>()
  readonly #databases = new Set<Database>()
  readonly #failed = new AbortController()
  #unwatch: (() => Promise<void>) | undefined
  readonly #resolved: Partial<Record<Side, Promise<ResolvedConnection>>> = {}

  constructor(input: MigrationInput, services: ActivityServices) {
    this.context = Context.current()
    this.ref = input.ref
    this.spec = input.spec
    this.#phase = input.phase
    this.id = migrationId(input.ref)
    this.services = services
    this.counters = new WorkCounters(this.context.metricMeter, this.context.info.workflowExecution?.workflowId ?? '')
    this.signal = AbortSignal.any([this.context.cancellationSignal, this.#failed.signal])
    // One listener a session, statement and timer: more than the 10 that Node takes for a leak.
    setMaxListeners(200, this.signal)
    this.outages = (this.context.info.heartbeatDetails as { outages?: Outages } | undefined)?.outages ?? {}
  }

  resolved(side: Side): Promise<ResolvedConnection> {
    return (this.#resolved[side] ??= resolveConnection(this.spec[side], side, this.services.env))
  }

  applicationName(purpose: string): string {
    return `pgmove ${this.id} ${purpose}`.slice(0, 63)
  }

  /**
   * Opens a session that is closed when the attempt ends. Sessions that an earlier attempt left behind under the same
   * purpose are ended first: what they had not committed is rolled back. Only those of this database: source and target may
   * be on one server.
   */
  async connect(side: Side, purpose: string, options: Partial<ConnectOptions> = {}): Promise<Database> {
    await this.#awaitOther(side)
    const applicationName = this.applicationName(purpose)
    const database = await this.open(side, { applicationName, signal: this.signal, ...options })
    this.#databases.add(database)
    this.#connected(side)
    await database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = $1 and datname = current_database() and usename = current_user and pid <> pg_backend_pid()`,
      [applicationName],
    )
    return database
  }

  /** Opens a session, at the pace that all activities of the migration keep to while the side is away. */
  async open(side: Side, options: Omit<ConnectOptions, 'side'> & { readonly signal: AbortSignal }): Promise<Database> {
    const pace = connectionPace(this.id, side)
    const resolved = await this.resolved(side)
    const attempt = () => connect(resolved, { side, onLost: () => pace.lost(), ...options })
    return pace.reach(attempt, options.signal, this.services.paceMs)
  }

  /** An attempt that the other side's absence has failed looks for that one first: else it would come to this one in vain again and again. */
  async #awaitOther(side: Side): Promise<void> {
    const other = side === 'source' ? 'target' : 'source'
    if (!this.outages[other] || !connectionPace(this.id, other).away) return
    const database = await this.open(other, { applicationName: this.applicationName('attempt'), signal: this.signal })
    this.#connected(other)
    await database.close()
  }

  async close(database: Database): Promise<void> {
    this.#databases.delete(database)
    await database.close()
  }

  /** What the attempt fails with although its own work did not; undefined as long as nothing speaks against it. */
  get failure(): unknown {
    const { aborted, reason } = this.#failed.signal as { aborted: boolean; reason: unknown }
    return aborted ? reason : undefined
  }

  /**
   * Looks after the slot, if the migration has one, until the attempt ends. `needed`: a slot that is lost fails the attempt at
   * once; else it is only measured.
   */
  watchSlot({ needed }: { needed: boolean }): void {
    if (!this.spec.types.includes('incremental')) return
    this.#unwatch ??= watchSlot(this, (error) => {
      if (needed) this.#failed.abort(error)
    })
  }

  /** For a report: what was seen of the slot. */
  slotFigures(): SlotFigures {
    return this.#unwatch ? slotNews(this.id, this.services.now()).take(this.services.now()) : {}
  }

  async closeAll(): Promise<void> {
    await this.#unwatch?.()
    await Promise.all([...this.#databases].map((database) => this.close(database)))
  }

  /** Clears an outage: the window counts from the next loss. One that died with the worker of an earlier attempt may be shown still. */
  #connected(side: Side): void {
    const known = this.outages[side] !== undefined
    if (!known && (this.context.info.attempt === 1 || this.#lookedBack.has(side))) return
    this.#lookedBack.add(side)
    if (known) {
      this.outages = { ...this.outages, [side]: undefined }
      this.heartbeat()
    }
    this.outageReports.recovered(side)
  }

  heartbeat(): void {
    this.context.heartbeat({ outages: this.outages, progress: this.progress })
  }

  /** Tells the workflow what changed. A report that does not arrive is no failure of the work: the next one does. */
  async report(report: ReportContent, requestId: string = randomUUID()): Promise<void> {
    const connection = { ...this.outageReports.take(), ...report.connection }
    const told = Object.keys(connection).length > 0 ? { ...report, connection } : report
    try {
      await this.#link()?.report({ firstRunId: this.ref.firstRunId, at: new Date(this.services.now()).toISOString(), ...told }, requestId)
    } catch (error) {
      this.log('warn', 'a report did not reach the workflow', { error: (error as Error).message })
    }
  }

  /** What the workflow shows now; undefined if it does not answer. */
  async shownStatus(): Promise<ShownStatus | undefined> {
    try {
      return await this.#link()?.status()
    } catch {
      return undefined
    }
  }

  /** The outages that the workflow's activities remember. */
  async pendingOutages(): Promise<Outages[]> {
    return (await this.#link()?.pendingOutages()) ?? []
  }

  /** Workers that run activities of this migration; undefined if Temporal does not say. */
  async workers(): Promise<number | undefined> {
    try {
      return await this.#link()?.workers()
    } catch {
      return undefined
    }
  }

  /** Undefined outside a workflow. */
  #link(): WorkflowLink | undefined {
    const { workflowExecution, workflowNamespace } = this.context.info
    return workflowExecution && workflowNamespace !== undefined
      ? new WorkflowLink(this.context.client, workflowNamespace, workflowExecution.workflowId)
      : undefined
  }

  /** Writes to the worker's log, which names workflow, activity and attempt by itself. */
  log(level: 'info' | 'warn' | 'error', message: string, attributes: LogAttributes = {}): void {
    this.context.log[level](message, { ...(this.#phase && { phase: this.#phase }), ...attributes })
  }

  /** Tests stop here; within synchronous progress reports nothing waits for it. */
  async failpoint(name: Failpoint): Promise<void> {
    await this.services.failpoint(name)
  }
}
