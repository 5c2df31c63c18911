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

/**
 * Of the tables whose indexes the migration's sessions build now, by their quoted names on the target, how far each build is, from 0 to
 * 1. Before 12 nothing tells of it: there they stand under no name, at 0.
 */
export async function readBuildParts(control: Database, id: string): Promise<Map<string, number[]>> {
  const own = `s.datname = current_database() and s.usename = current_user and left(s.application_name, length($1::text)) = $1::text`
  const rows = await control.query<{ name: string; part: string }>(
    control.version < SINCE
      ? `select '' as name, '0' as part from pg_stat_activity s
          where ${own} and s.state = 'active' and s.pid <> pg_backend_pid() and s.query ~* '(create (unique )?index|add constraint) '`
      : // A build scans the table, sorts, which has no measure, and writes the index.
        `select quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name,
                case when p.phase ~ 'loading' then 0.7 + 0.3 * p.tuples_done / greatest(p.tuples_total, 1) when p.phase ~ 'sorting' then 0.6
                     when p.phase ~ 'building index' then 0.5 * p.blocks_done / greatest(p.blocks_total, 1) else 0 end as part
           from pg_stat_progress_create_index p join pg_stat_activity s using (pid) join pg_class c on c.oid = p.relid join pg_namespace n on n.oid = c.relnamespace
          where p.datname = current_database() and ${own}`,
    [`pgmove ${id} `],
  )
  const parts = new Map<string, number[]>()
  for (const { name, part } of rows) parts.set(name, [...(parts.get(name) ?? []), Math.min(1, Number(part))])
  return parts
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
