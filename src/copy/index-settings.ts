import type { Database } from '../postgres/connect.ts'

const MOST_KILOBYTES = 2 * 1024 * 1024

/**
 * Memory and workers for one of `jobs` index builds at once: the target's shared_buffers are what its administrator sized for the
 * machine, so together the builds take that much for sorting, and never less each than the server's own maintenance_work_mem. The
 * parallel workers that the server allows for one build are shared by all.
 */
export async function setIndexMemory(target: Database, jobs: number): Promise<void> {
  const workers = target.version >= 110000
  const [row] = await target.query<{ own: string; buffers: string; workers: string }>(
    `select (select setting from pg_settings where name = 'maintenance_work_mem') as own,
            (select setting::bigint * current_setting('block_size')::bigint / 1024 from pg_settings where name = 'shared_buffers') as buffers,
            ${workers ? `current_setting('max_parallel_maintenance_workers')` : `'0'`} as workers`,
  )
  if (!row) return
  const kilobytes = Math.max(Number(row.own), Math.min(MOST_KILOBYTES, Math.floor(Number(row.buffers) / jobs)))
  await target.query(`set maintenance_work_mem = '${kilobytes}kB'`)
  if (workers) await target.query(`set max_parallel_maintenance_workers = ${Math.ceil(Number(row.workers) / jobs)}`)
}
