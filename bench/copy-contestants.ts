import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Client } from '@temporalio/client'
import type { PostgresServer } from '../dev/postgres-server.ts'
import { clientProgram } from '../src/postgres/client-program.ts'
import { startMigration } from './bench-migration.ts'
import { serverCpuSeconds } from './cpu-seconds.ts'
import { startMeasuredWorker } from './measured-worker.ts'

const shell = promisify(execFile)
const BIG_OUTPUT = { maxBuffer: 1 << 26 }
const PATIENCE_SECONDS = 3600
const LOOK_MS = 2000

/** One way to move the whole database. */
export interface Contestant {
  readonly name: string
  /** Moves it into an empty database; the seconds that count. */
  run(source: string, target: string, round: number): Promise<number>
}

export interface Jobs {
  readonly tables: number
  readonly indexes: number
}

/** What the worker took over all rounds, and both servers meanwhile. */
export interface WorkerFigures {
  peakBytes: number
  /** Until it polled for work. */
  startCpuSeconds: number
  /** From then on, until changes streamed. */
  cpuSeconds: number
  serversCpuSeconds: number
}

export const NO_FIGURES: Readonly<WorkerFigures> = { peakBytes: 0, startCpuSeconds: 0, cpuSeconds: 0, serversCpuSeconds: 0 }

export interface PgmoveOptions {
  readonly client: Client
  /** Of Temporal's server. */
  readonly address: string
  /** The servers' postmasters. */
  readonly servers: readonly Pick<PostgresServer, 'pid'>[]
}

/** pgmove with all three types; precheck and cutover are left out. `seen` collects what the worker took. */
export function pgmove({ client, address, servers }: PgmoveOptions, jobs: Jobs, seen: WorkerFigures, label = 'pgmove'): Contestant {
  const serversCpu = (): number => servers.reduce((sum, { pid }) => sum + serverCpuSeconds(pid), 0)
  return {
    name: label,
    run: async (source, target, round) => {
      const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-bench-'))
      const env = { BENCH_SOURCE: source, BENCH_TARGET: target, TEMPORAL_ADDRESS: address }
      const before = serversCpu()
      const worker = startMeasuredWorker(env, path.join(folder, 'worker.log'))
      try {
        await worker.running()
        const started = worker.cpuSeconds()
        const copy = { tableJobs: jobs.tables, indexJobs: jobs.indexes }
        const migration = await startMigration(client, `${label}-${round}-${process.pid}`, 'BENCH_TARGET', { copy })
        await migration.reach('incremental', PATIENCE_SECONDS, LOOK_MS)
        seen.startCpuSeconds += started
        seen.cpuSeconds += worker.cpuSeconds() - started
        seen.serversCpuSeconds += serversCpu() - before
        seen.peakBytes = Math.max(seen.peakBytes, worker.memory.mark())
        await migration.signal('cutover')
        const { schema = 0, full = 0, constraints = 0 } = (await migration.result()).durations
        return (schema + full + constraints) / 1000
      } finally {
        await worker.stop()
        await rm(folder, { recursive: true, force: true })
      }
    },
  }
}

/** `pgcopydb clone`; undefined if it is not installed. */
export async function pgcopydb(jobs: Jobs): Promise<Contestant | undefined> {
  const version = await shell('pgcopydb', ['--version']).then(
    ({ stdout }) => /\d+(\.\d+)*/.exec(stdout)?.[0] ?? '',
    () => undefined,
  )
  if (version === undefined) return undefined
  return {
    name: `pgcopydb ${version} clone`,
    run: async (source, target) => {
      const folder = await mkdtemp(path.join(os.tmpdir(), 'pgcopydb-'))
      const begin = performance.now()
      const jobsOf = ['--table-jobs', String(jobs.tables), '--index-jobs', String(jobs.indexes)]
      await shell('pgcopydb', ['clone', '--source', source, '--target', target, '--dir', folder, '--restart', ...jobsOf], BIG_OUTPUT)
      const seconds = (performance.now() - begin) / 1000
      await rm(folder, { recursive: true, force: true })
      return seconds
    },
  }
}

/** `pg_dump -Fd -j` and then `pg_restore -j`. */
export async function dumpAndRestore(major: number, jobs: Jobs): Promise<Contestant> {
  const [dump, restore] = [await clientProgram('pg_dump', major), await clientProgram('pg_restore', major)]
  return {
    name: `pg_dump -j${jobs.tables}, then pg_restore -j${jobs.tables}`,
    run: async (source, target) => {
      const folder = await mkdtemp(path.join(os.tmpdir(), 'pg-dump-'))
      const begin = performance.now()
      const out = path.join(folder, 'dump')
      await shell(dump, ['-Fd', '-Z0', '-j', String(jobs.tables), '-f', out, source], BIG_OUTPUT)
      await shell(restore, ['-j', String(jobs.tables), '-d', target, out], BIG_OUTPUT)
      const seconds = (performance.now() - begin) / 1000
      await rm(folder, { recursive: true, force: true })
      return seconds
    },
  }
}
