import type { Database } from '../postgres/connect.ts'
import type { IndexBuild } from '../workflows/status.ts'
import type { ActivityRun } from './activity-run.ts'
import { NAMED } from './copy-figures.ts'

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
    const [build] = await readBuilds(this.#control, 'p.pid = $1::int', String(this.#builder))
    this.#run.progress = build ? { building: build.table, index: build.index, phase: build.phase, percent: build.percent } : {}
  }
}

/** The indexes that the migration's sessions build now, of all its activities. */
export function readIndexBuilds(control: Database, id: string): Promise<IndexBuild[]> {
  return readBuilds(
    control,
    `p.pid in (select pid from pg_stat_activity where datname = current_database() and usename = current_user
                 and left(application_name, length($1::text)) = $1::text)`,
    `pgmove ${id} `,
  )
}

async function readBuilds(control: Database, which: string, parameter: string): Promise<IndexBuild[]> {
  if (control.version < SINCE) return []
  const rows = await control.query<Progress>(
    `select p.relid::regclass::text as "table", c.relname as index, p.phase,
            round(100.0 * p.blocks_done / nullif(p.blocks_total, 0)) as blocks, round(100.0 * p.tuples_done / nullif(p.tuples_total, 0)) as tuples
       from pg_stat_progress_create_index p left join pg_class c on c.oid = p.index_relid
      where p.datname = current_database() and ${which} order by p.pid limit ${NAMED}`,
    [parameter],
  )
  return rows.map(({ table, index, phase, blocks, tuples }) => {
    const percent = tuples ?? blocks
    return { table, index, phase, percent: percent === null ? null : Number(percent) }
  })
}

interface Progress extends Record<string, string | null> {
  table: string
  index: string | null
  phase: string
  blocks: string | null
  tuples: string | null
}
