import { setTimeout as pause } from 'node:timers/promises'
import { remainingSeconds } from '../copy/remaining-time.ts'
import { TransferLimit } from '../copy/transfer-limit.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import type { ActivityRun } from './activity-run.ts'
import { NAMED, readCopyFigures } from './copy-figures.ts'
import { nextBuildSample, nextSample } from './copy-rate.ts'
import type { BuildSample, RateSample } from './copy-rate.ts'
import { readIndexBuilds } from './index-progress.ts'
import { readRemainingWork } from './remaining-work.ts'

const TICK_MS = 1_000

/**
 * Every report is a signal, and Temporal takes 10,000 of them and 51,200 events a run, while a copy that runs can't be handed to
 * the next run: 8 s for the first 8 hours since the migration began, then ever longer, about 6,000 reports in a month.
 */
const REPORT_INTERVAL = `greatest(interval '8 seconds', interval '8 seconds' + (clock_timestamp() - created_at - interval '8 hours') / 500)`

/**
 * Runs beside a copy on a connection of its own: looks every second whether the migration is paused, writes down how far the
 * tables are, and reports to the workflow. Several copies run at once, on several workers; whichever comes first when it is time
 * reports for all.
 */
export class CopyMonitor {
  readonly #run: ActivityRun
  readonly #control: Database
  readonly #options: MonitorOptions
  readonly #limit = new TransferLimit()
  readonly #abort = new AbortController()
  readonly #tables = new Map<MigratedTable, TableSum>()
  readonly #uncounted = { rows: 0, bytes: 0 }
  #working: Promise<void> = Promise.resolve()
  #failure: { error: unknown } | undefined
  #gate: { opened: Promise<void>; open: () => void } | undefined

  constructor(run: ActivityRun, control: Database, options: MonitorOptions = {}) {
    this.#run = run
    this.#control = control
    this.#options = options
  }

  /** Aborted when the monitor has failed. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Runs beside `work`; where the monitor failed, that is why `work` did. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    const letGo = () => this.#letGo()
    this.#run.signal.addEventListener('abort', letGo, { once: true })
    try {
      // From here on it is known whether the migration is paused.
      await this.#tick()
      this.#working = this.#loop()
      return await work()
    } catch (error) {
      throw this.#failure ? this.#failure.error : error
    } finally {
      this.#run.signal.removeEventListener('abort', letGo)
      await this.#stop()
    }
  }

  async #stop(): Promise<void> {
    this.#abort.abort()
    this.#letGo()
    await this.#working
    this.#count()
  }

  /** Counted every second, not with every piece. */
  #count(): void {
    const { rows, bytes } = this.#uncounted
    Object.assign(this.#uncounted, { rows: 0, bytes: 0 })
    if (rows > 0 || bytes > 0) this.#run.counters.copied(rows, bytes)
  }

  /** Nobody is held back any more: what ends is not to wait for a limit, nor for the end of a pause. */
  #letGo(): void {
    this.#gate?.open()
    this.#limit.close()
  }

  /** A table's copy begins anew. */
  begin(table: MigratedTable): void {
    this.#tables.set(table, { bytes: 0, rows: 0, sample: null })
  }

  /** Of what has passed since the last call. */
  progress(table: MigratedTable, bytes: number, rows: number): void {
    const sum = this.#tables.get(table) ?? { bytes: 0, rows: 0, sample: null }
    sum.bytes += bytes
    sum.rows += rows
    this.#tables.set(table, sum)
    this.#uncounted.bytes += bytes
    this.#uncounted.rows += rows
  }

  done(table: MigratedTable): void {
    this.#tables.delete(table)
  }

  /** What holds a copy back after a piece of this size: the limits, or a pause. */
  gate(bytes: number, rows: number): Promise<void> | undefined {
    const limited = this.#limit.take(bytes, rows)
    const paused = this.paused()
    return limited && paused ? Promise.all([limited, paused]).then(() => undefined) : (limited ?? paused)
  }

  /** Pending while the migration is paused. */
  paused(): Promise<void> | undefined {
    return this.#gate?.opened
  }

  async #loop(): Promise<void> {
    const { signal } = this.#abort
    try {
      while (!signal.aborted) {
        await pause(TICK_MS, undefined, { signal }).catch(() => undefined)
        if (!signal.aborted) await this.#tick()
      }
    } catch (error) {
      if (signal.aborted) return
      this.#failure = { error }
      this.#gate?.open()
      this.#abort.abort()
    }
  }

  async #tick(): Promise<void> {
    this.#count()
    const { id } = this.#run
    // Limits hold for all copies together: each running one takes an equal part, and has a session of this name.
    const [row] = await this.#control.query<{ paused: string; megabytes: string | null; rows: string | null; copies: string }>(
      `select paused, megabytes_per_second as megabytes, rows_per_second as rows,
              (select count(*) from pg_stat_activity
                where application_name like $2 and datname = current_database() and usename = current_user) as copies
         from pgmove.migration where id = $1`,
      [id, `pgmove ${id} copy%control`],
    )
    this.#setPaused(row?.paused === 't')
    const part = (limit: string | null | undefined, unit: number) =>
      typeof limit === 'string' ? (Number(limit) * unit) / Math.max(1, Number(row?.copies)) : null
    this.#limit.set({ bytes: part(row?.megabytes, 1_000_000), rows: part(row?.rows, 1) })
    try {
      await this.#writeDown()
      await this.#options.beside?.look()
      if (this.#options.reports === false) return
      if (this.#gate) await this.#forgetRate()
      else await this.#report()
    } catch (error) {
      // Figures for people: on a full disk they are missed; what the copy itself meets there names the table.
      if (!(error instanceof MigrationError) || error.kind !== 'OutOfResources') throw error
    }
  }

  async #writeDown(): Promise<void> {
    if (this.#tables.size === 0) return
    const at = performance.now() / 1000
    for (const sum of this.#tables.values()) sum.sample = nextSample(sum.sample, { at, rows: sum.rows, bytes: sum.bytes })
    this.#show()
    const tables = [...this.#tables].map(([{ sourceSchema: s, sourceTable: t }, { rows, bytes, sample }]) => {
      const rate = sample?.byteRate ?? null
      return { s, t, rows, bytes, rate: rate === null ? null : Math.round(rate) }
    })
    await this.#control.query(
      `insert into pgmove.copy_progress as p (id, source_schema, source_table, rows, bytes, rate)
       select $1, s, t, rows, bytes, rate from json_to_recordset($2::json) as x (s text, t text, rows bigint, bytes bigint, rate bigint) order by s, t
       on conflict (id, source_schema, source_table) do update set rows = excluded.rows, bytes = excluded.bytes, rate = excluded.rate
       where (p.rows, p.bytes, p.rate) is distinct from (excluded.rows, excluded.bytes, excluded.rate)`,
      [this.#run.id, JSON.stringify(tables)],
    )
  }

  /** The largest of this activity's tables that run, with the pending activity. */
  #show(): void {
    const running = [...this.#tables].sort(([, a], [, b]) => b.bytes - a.bytes).slice(0, NAMED)
    this.#run.progress = {
      copying: running.map(([{ sourceSchema, sourceTable, estimatedRows }, { rows, bytes, sample }]) => ({
        table: `${sourceSchema}.${sourceTable}`,
        rows,
        bytes,
        ...(Number(estimatedRows) > 0 ? { percent: Math.min(100, Math.floor((100 * rows) / Number(estimatedRows))) } : {}),
        ...(sample !== null && sample.byteRate !== null ? { bytesPerSecond: Math.round(sample.byteRate) } : {}),
      })),
    }
  }

  #setPaused(paused: boolean): void {
    if (paused && !this.#gate) {
      let open = (): void => undefined
      const opened = new Promise<void>((resolve) => (open = resolve))
      this.#gate = { opened, open }
    } else if (!paused && this.#gate) {
      this.#gate.open()
      this.#gate = undefined
    }
  }

  /** Tells the workflow how far all copies are, if it is time. */
  async #report(): Promise<void> {
    const { id } = this.#run
    const [due] = await this.#control.query<{ reported: string | null }>(
      `update pgmove.migration set reported_at = clock_timestamp()
        where id = $1 and (reported_at is null or reported_at not between clock_timestamp() - ${REPORT_INTERVAL} and clock_timestamp())
       returning reported`,
      [id],
    )
    if (!due) return
    const { at, tables, rows, bytes, copying } = await readCopyFigures(this.#control, id)
    const work = await readRemainingWork(this.#control, id)
    const before = due.reported === null ? null : (JSON.parse(due.reported) as RateSample & { builds?: BuildSample })
    const sample = nextSample(before, { at, rows: Number(rows), bytes: Number(bytes.copied) })
    const builds = nextBuildSample(before?.builds ?? null, { at, built: work.built, builders: work.builders })
    await this.#control.query(`update pgmove.migration set reported = $2 where id = $1`, [id, JSON.stringify({ ...sample, builds })])
    const { indexJobs } = this.#run.spec.copy
    await this.#run.report({
      ...this.#run.slotFigures(),
      ...{ tables, rows, bytes, copying },
      building: await readIndexBuilds(this.#control, id),
      rate: Math.round(sample.rowRate ?? 0),
      eta: remainingSeconds({ ...work, byteRate: sample.byteRate, buildRate: builds.rate, indexJobs }),
      connection: { source: { state: 'connected' }, target: { state: 'connected' } },
    })
  }

  /** A time without work is no rate. */
  async #forgetRate(): Promise<void> {
    for (const sum of this.#tables.values()) sum.sample = null
    await this.#control.query(`update pgmove.migration set reported = null where id = $1 and reported is not null`, [this.#run.id])
  }
}

export interface MonitorOptions {
  /** Looked at every second. */
  readonly beside?: { look(): Promise<void> }
  /** Whether the workflow is told how far all copies are. Default true; false where that is said already. */
  readonly reports?: boolean
}

interface TableSum {
  rows: number
  bytes: number
  sample: RateSample | null
}
