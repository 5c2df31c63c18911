import { TransferLimit } from '../copy/transfer-limit.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import type { ActivityRun } from './activity-run.ts'

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
  readonly #beside: { look(): Promise<void> } | undefined
  readonly #limit = new TransferLimit()
  readonly #abort = new AbortController()
  readonly #tables = new Map<MigratedTable, { rows: number; bytes: number }>()
  #working: Promise<void> = Promise.resolve()
  #failure: { error: unknown } | undefined
  #gate: { opened: Promise<void>; open: () => void } | undefined

  /** `beside` is looked at every second. */
  constructor(run: ActivityRun, control: Database, beside?: { look(): Promise<void> }) {
    this.#run = run
    this.#control = control
    this.#beside = beside
  }

  /** Aborted when the monitor has failed. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error
  }

  /** Resolves once it is known whether the migration is paused. */
  async start(): Promise<void> {
    await this.#tick()
    this.#working = this.#loop()
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    this.#gate?.open()
    this.#limit.close()
    await this.#working
  }

  /** A table's copy begins anew. */
  begin(table: MigratedTable): void {
    this.#tables.set(table, { bytes: 0, rows: 0 })
  }

  /** Of what has passed since the last call. */
  progress(table: MigratedTable, bytes: number, rows: number): void {
    const sum = this.#tables.get(table) ?? { bytes: 0, rows: 0 }
    sum.bytes += bytes
    sum.rows += rows
    this.#tables.set(table, sum)
    this.#run.progress = { table: `${table.sourceSchema}.${table.sourceTable}`, ...sum }
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
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, TICK_MS)
          signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
        })
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
      await this.#beside?.look()
      if (!this.#gate) await this.#report()
    } catch (error) {
      // Figures for people: on a full disk they are missed; what the copy itself meets there names the table.
      if (!(error instanceof MigrationError) || error.kind !== 'OutOfResources') throw error
    }
  }

  async #writeDown(): Promise<void> {
    if (this.#tables.size === 0) return
    const tables = [...this.#tables].map(([{ sourceSchema: s, sourceTable: t }, { rows, bytes }]) => ({ s, t, rows, bytes }))
    await this.#control.query(
      `insert into pgmove.copy_progress as p (id, source_schema, source_table, rows, bytes)
       select $1, s, t, rows, bytes from json_to_recordset($2::json) as x (s text, t text, rows bigint, bytes bigint) order by s, t
       on conflict (id, source_schema, source_table) do update set rows = excluded.rows, bytes = excluded.bytes
       where (p.rows, p.bytes) is distinct from (excluded.rows, excluded.bytes)`,
      [this.#run.id, JSON.stringify(tables)],
    )
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

  async #report(): Promise<void> {
    const [row] = await this.#control.query<Figures>(
      // A table's size on disk says little of COPY's bytes. What a table will come to is known from its rows so far, if their number
      // is known; tables that wait are taken to come to as much of their size as the others did.
      `with one as (
         select m.copied_at is not null as done, case when m.copied_at is null then coalesce(p.rows, 0) else m.rows end as rows,
           case when m.copied_at is null then coalesce(p.bytes, 0) else m.bytes end::numeric as bytes, m.estimated_bytes::numeric as size,
           case when m.copied_at is not null then m.bytes
                when p.rows > 0 and m.estimated_rows > 0 then greatest(p.bytes, p.bytes::numeric / p.rows * m.estimated_rows) end as final
         from pgmove.migrated_table m left join pgmove.copy_progress p using (id, source_schema, source_table) where id = $1
       ), known as (
         select coalesce(sum(final) / nullif(sum(size), 0), 1) as ratio from one where final is not null
       ), now as (
         select count(*) as total, count(*) filter (where done) as copied, coalesce(sum(rows), 0)::bigint as rows, coalesce(sum(bytes), 0)::bigint as bytes,
           coalesce(sum(coalesce(final, greatest(bytes, size * ratio))), 0)::bigint as bytes_total
         from one, known
       ), before as (
         select reported_at, reported_rows, reported_bytes from pgmove.migration
         where id = $1 and (reported_at is null or reported_at < clock_timestamp() - ${REPORT_INTERVAL})
       )
       update pgmove.migration m set reported_at = clock_timestamp(), reported_rows = now.rows, reported_bytes = now.bytes
       from now, before
       where m.id = $1 and m.reported_at is not distinct from before.reported_at
       returning now.*, now.rows - before.reported_rows as new_rows, now.bytes - before.reported_bytes as new_bytes,
         extract(epoch from clock_timestamp() - before.reported_at) as seconds`,
      [this.#run.id],
    )
    if (!row) return
    const seconds = Number(row.seconds ?? 0)
    const bytesPerSecond = seconds > 0 ? Number(row.new_bytes) / seconds : 0
    const left = Number(row.bytes_total) - Number(row.bytes)
    await this.#run.report({
      ...this.#run.slotFigures(),
      tables: { total: Number(row.total), copied: Number(row.copied) },
      rows: row.rows,
      bytes: { total: row.bytes_total, copied: row.bytes },
      rate: seconds > 0 ? Math.max(0, Math.round(Number(row.new_rows) / seconds)) : 0,
      eta: bytesPerSecond > 0 ? Math.round(left / bytesPerSecond) : null,
      connection: { source: { state: 'connected' }, target: { state: 'connected' } },
    })
  }
}

interface Figures extends Record<string, string | null> {
  total: string
  copied: string
  rows: string
  bytes: string
  bytes_total: string
  new_rows: string
  new_bytes: string
  seconds: string | null
}
