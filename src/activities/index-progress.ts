import type { Database } from '../postgres/connect.ts'
import type { ActivityRun } from './activity-run.ts'

const SINCE = 120000

/** Shows how far an index build is, from pg_stat_progress_create_index (12 and newer). */
export class IndexProgress {
  readonly #run: ActivityRun
  readonly #control: Database
  readonly #builder: number

  /** `builder` is the process id of the session that builds. */
  constructor(run: ActivityRun, control: Database, builder: number) {
    this.#run = run
    this.#control = control
    this.#builder = builder
  }

  async look(): Promise<void> {
    if (this.#control.version < SINCE) return
    const [row] = await this.#control.query<Progress>(
      `select p.relid::regclass::text as "table", c.relname as index, p.phase,
              round(100.0 * p.blocks_done / nullif(p.blocks_total, 0)) as blocks, round(100.0 * p.tuples_done / nullif(p.tuples_total, 0)) as tuples
         from pg_stat_progress_create_index p left join pg_class c on c.oid = p.index_relid
        where p.pid = $1::int`,
      [String(this.#builder)],
    )
    this.#run.progress = row ? { building: row.table, index: row.index, phase: row.phase, percent: row.tuples ?? row.blocks } : {}
  }
}

interface Progress extends Record<string, string | null> {
  table: string
  index: string | null
  phase: string
  blocks: string | null
  tuples: string | null
}
