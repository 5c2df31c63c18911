import { setTimeout as pause } from 'node:timers/promises'
import type { Database } from '../postgres/connect.ts'
import { formatLsn } from '../postgres/lsn.ts'
import { LagMeter } from '../replication/lag-meter.ts'
import { checkMissedDdl, hasDdlLog } from '../source/ddl-capture.ts'
import { beat, HEARTBEAT_SETTINGS } from '../source/heartbeat.ts'
import { pruneDdlLog } from '../source/prune-ddl-log.ts'
import type { MigrationRecord } from '../state/migration-record.ts'
import type { ActivityReport } from '../workflows/status.ts'
import type { ActivityRun } from './activity-run.ts'
import { slotNews } from './slot-news.ts'

const REPORT_MS = { catchingUp: 8_000, steady: 20_000 }
const TICK_MS = 1_000
/** The first report waits so long for the lag: without it there is nothing to tell but the server's return, which is told anyway. */
const FIRST_MS = 8_000
const FAREWELL_MS = 2_000
const PRUNE_MS = 60_000

export interface StreamMonitorOptions {
  /** Reports come more often. */
  readonly catchingUp: boolean
  /** The lag up to which replication counts as undelayed. */
  readonly undelayedMs: number
}

/**
 * Runs beside the stream: writes the source's heartbeat, measures lag, and reports to the workflow, at once when `undelayed`
 * changes and else at the pace that status promises. A failure of its own aborts the stream.
 */
export class StreamMonitor {
  readonly #run: ActivityRun
  readonly #source: Database
  readonly #record: MigrationRecord
  readonly #reportEveryMs: number
  readonly #lag: LagMeter
  readonly #abort = new AbortController()
  #appliedLsn: bigint | undefined
  #beating: Promise<void> = Promise.resolve()
  #ticker: NodeJS.Timeout | undefined
  #reporting: Promise<void> = Promise.resolve()
  #stopped = false
  #failure: { error: unknown } | undefined
  #startedAt = 0
  #reportedAt = 0
  #prunedAt = 0
  #reportedUndelayed: boolean | undefined
  /** Changes applied to selected tables by this attempt. */
  changes = 0
  transactions = 0

  constructor(run: ActivityRun, source: Database, record: MigrationRecord, { catchingUp, undelayedMs }: StreamMonitorOptions) {
    this.#run = run
    this.#source = source
    this.#record = record
    this.#reportEveryMs = catchingUp ? REPORT_MS.catchingUp : REPORT_MS.steady
    this.#lag = new LagMeter(run.services.now, undelayedMs)
  }

  /** Aborted when the monitor has failed. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error
  }

  start(): void {
    this.#startedAt = this.#run.services.now()
    this.#beating = this.#beat()
    this.#ticker = setInterval(() => (this.#reporting = this.report(false)), TICK_MS)
  }

  applied(position: { endLsn: bigint; transactions: number; changes: number }): void {
    this.#appliedLsn = position.endLsn
    this.transactions += position.transactions
    this.changes += position.changes
    this.#run.counters.applied(position.transactions, position.changes)
    this.#run.progress = { applied: formatLsn(position.endLsn), transactions: this.transactions, changes: this.changes }
  }

  beatArrived(number: string): void {
    this.#lag.arrived(number)
    if (this.#reportedAt === 0 && this.#lag.undelayed) this.#reporting = this.report(false)
  }

  /** Reports if something changed that must show at once, or if it is time; `force` reports in any case. */
  async report(force: boolean): Promise<void> {
    const now = this.#run.services.now()
    const { undelayed, lagMs } = this.#lag
    const due = now - this.#reportedAt >= this.#reportEveryMs
    if (this.#stopped || !(force || due || undelayed !== this.#reportedUndelayed)) return
    const first = this.#reportedAt === 0 && now - this.#startedAt < FIRST_MS
    if (lagMs === undefined && !force && (first || !due)) return
    this.#reportedAt = now
    this.#reportedUndelayed = undelayed
    try {
      await this.#run.report(await this.#figures(undelayed, lagMs))
    } catch (error) {
      this.#fail(error)
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#ticker)
    this.#abort.abort()
    await this.#beating
    // One that arrived after the activity's end would tell of a stream that no longer runs. Temporal may be away, though.
    await Promise.race([this.#reporting, new Promise((resolve) => setTimeout(resolve, FAREWELL_MS))])
  }

  async #figures(undelayed: boolean, lagMs: number | undefined): Promise<Omit<ActivityReport, 'firstRunId' | 'at'>> {
    const appliedLsn = this.#appliedLsn === undefined ? null : formatLsn(this.#appliedLsn)
    const now = this.#run.services.now()
    const news = slotNews(this.#run.id, now)
    await news.look(this.#source, now)
    const [row] = await this.#source.query<{ behind: string | null }>(
      `select greatest(0, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), coalesce($2::pg_lsn, confirmed_flush_lsn)))::bigint as behind
         from pg_replication_slots where slot_name = $1`,
      [this.#record.slot, appliedLsn],
    )
    if (this.#run.spec.ddl === 'capture') {
      await checkMissedDdl(this.#source)
      await this.#prune(now)
    }
    const { slot, slotWarning } = news.take(now)
    return {
      undelayed,
      ...(lagMs === undefined ? {} : { lag: { bytes: row?.behind ?? '0', seconds: Math.round(lagMs / 100) / 10 } }),
      ...(slot ? { slot: { ...slot, startLsn: this.#record.consistent_point, appliedLsn } } : {}),
      ...(slotWarning === undefined ? {} : { slotWarning }),
      connection: { source: { state: 'connected' }, target: { state: 'connected' } },
    }
  }

  /** Housekeeping: behind a fence it may be refused, and nothing depends on it. */
  async #prune(now: number): Promise<void> {
    if (now - this.#prunedAt < PRUNE_MS) return
    this.#prunedAt = now
    if (await hasDdlLog(this.#source)) await pruneDdlLog(this.#source).catch(() => undefined)
  }

  async #beat(): Promise<void> {
    const { signal } = this.#abort
    try {
      const connection = await this.#run.connect('source', 'heartbeat', { lockTimeoutMs: 2000, settings: HEARTBEAT_SETTINGS })
      while (!signal.aborted) {
        const at = this.#run.services.now()
        this.#lag.sent(await beat(connection, this.#run.id), at)
        await pause(this.#run.spec.lag.heartbeatMs, undefined, { signal }).catch(() => undefined)
      }
      await this.#run.close(connection)
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    if (this.#stopped) return
    this.#failure ??= { error }
    this.#abort.abort()
  }
}
