import { managedService, setParameter } from '../diagnosis/managed-service.ts'
import { internals } from '../postgres/client-internals.ts'
import type { Check } from './check.ts'
import { passed, warning } from './finding.ts'

/** Logical decoding, COPY and the applying of changes take none; an index build takes as many as are free, none if need be. */
export const workers: Check = {
  name: 'workers',
  expected: 'for information: pgmove needs no background workers; index builds on the target use those that are free',
  applies: ({ schema, full }) => schema && full,
  run: async ({ target }) => {
    const [row] = await target.query<Record<'per_build' | 'parallel' | 'processes', string | null>>(
      `select current_setting('max_parallel_maintenance_workers', true) as per_build, current_setting('max_parallel_workers') as parallel,
              current_setting('max_worker_processes') as processes`,
    )
    if (row?.per_build === null) return passed('PostgreSQL 10 builds indexes without')
    const most = Math.min(Number(row?.per_build), Number(row?.parallel), Number(row?.processes))
    if (most === 0) return passed('indexes are built without parallel workers')
    return passed(
      `up to ${row?.per_build} for one index (max_parallel_maintenance_workers), ${Math.min(Number(row?.parallel), Number(row?.processes))} for all (max_parallel_workers)`,
    )
  },
}

/** An index build sorts in temporary files about as large as the table. */
export const temporaryFiles: Check = {
  name: 'temporary_files',
  expected: "the target's temp_file_limit leaves room to sort the largest selected table",
  applies: ({ full }) => full,
  run: async ({ target, tables }) => {
    const [row] = await target.query<{ kilobytes: string }>(`select setting as kilobytes from pg_settings where name = 'temp_file_limit'`)
    const limit = Number(row?.kilobytes ?? -1) * 1024
    const largest = Math.max(0, ...tables.map(({ bytes }) => Number(bytes)))
    if (limit < 0) return passed('no limit')
    const found = `temp_file_limit = ${row?.kilobytes ?? ''} kB, the largest table has ${Math.ceil(largest / 1024)} kB`
    if (largest <= limit) return passed(found)
    const fix = setParameter(await managedService(target), 'temp_file_limit', '-1', 'reload')
    return warning(found, `Building its indexes may stop as OutOfResources. On the target: ${fix}`)
  },
}

/** Session state, cancel requests and COPY go through a pooler only if it keeps one server connection for each session, and then it is of no use. */
export const pooler: Check = {
  name: 'pooler',
  expected: 'no connection pooler answers in place of the servers',
  run: async ({ source, target }) => {
    const between = [source, target].filter(({ client, processId }) => {
      const { processID } = internals(client)
      return processID !== null && processID !== processId
    })
    if (between.length === 0) return passed('none')
    return warning(
      `on the ${between.map(({ side }) => side).join(' and the ')} something answers for the server, as a connection pooler does`,
      'Give the URL of the server itself.',
    )
  },
}
