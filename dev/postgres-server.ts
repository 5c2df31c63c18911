import { execFile } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { eventually } from './eventually.ts'
import { freePort } from './free-port.ts'
import { guardedChild } from './guarded-child.ts'
import type { GuardedChild } from './guarded-child.ts'
import { postgresBinaries } from './postgres-binaries.ts'
import { unprivilegedUser } from './unprivileged-user.ts'

const run = promisify(execFile)

export interface PostgresOptions {
  /** 10 to 18. */
  major: number
  /** Default: a free one. A given one that is taken is an error. */
  port?: number
  /** Default `logical`. */
  walLevel?: 'logical' | 'replica' | 'minimal'
  /** Further lines of postgresql.conf, by name. */
  settings?: Readonly<Record<string, string>>
  /** Where to keep the data; made if absent, used as it is if it holds a cluster, and kept at stop. Default: a temporary folder, removed at stop. */
  dataFolder?: string
}

export interface PostgresServer {
  readonly major: number
  readonly port: number
  /** The postmaster's process id; changes with a restart. */
  readonly pid: number
  /** The server's log so far. */
  log(): string
  /** A connection URL; trust authentication, user `postgres` unless given. */
  url(database: string, user?: string): string
  /** Fast shutdown; the data is removed unless `dataFolder` was given. Idempotent. */
  stop(): Promise<void>
  /** Fast shutdown that keeps the data; after 5 s, such as for a standby that receives nothing, an immediate one. */
  halt(): Promise<void>
  /** Immediate shutdown, as a crash: no checkpoint, clients are cut off. */
  crash(): Promise<void>
  /** Starts again on the same port and data, after a fast shutdown if it still runs. */
  restart(): Promise<void>
}

/** Starts a PostgreSQL server on 127.0.0.1 that accepts connections when the promise resolves, and never outlives this process. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { major, walLevel = 'logical', settings = {} } = options
  const bin = await postgresBinaries(major)
  const user = unprivilegedUser()
  const env = serverEnvironment()
  const base = await mkdtemp(path.join(os.tmpdir(), `pgmove-pg${major}-`))
  await chmod(base, 0o711)
  const data = options.dataFolder ?? path.join(base, 'data')
  const logFile = path.join(base, 'log')
  const port = await choosePort(options.port)
  let child: GuardedChild | undefined

  const start = async () => {
    child = guardedChild(path.join(bin, 'postgres'), ['-D', data], { ...user, env, log: logFile, endSignal: 'SIGQUIT', removeAfter: base })
    const started = child
    await eventually(`PostgreSQL ${major} on port ${port}`, 60, async () => {
      if (!started.running) throw new Error(`PostgreSQL ${major} did not start:\n${readFileSync(logFile, 'utf8').slice(-2000)}`)
      return await answers(port)
    })
  }
  const stop = async () => {
    await child?.end('SIGINT')
    await rm(base, { recursive: true, force: true })
  }

  try {
    if (!existsSync(path.join(data, 'PG_VERSION'))) {
      await mkdir(data, { recursive: true, mode: 0o700 })
      if (user.uid !== undefined && user.gid !== undefined) await chown(data, user.uid, user.gid)
      const initdb = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
      await run(path.join(bin, 'initdb'), initdb, { ...user, env, cwd: '/' })
    }
    // The last line of a name counts: settings of an earlier start in this folder are overruled.
    const configured = { ...DEFAULTS, wal_level: walLevel, ...forLevel(walLevel), port: String(port), ...settings }
    appendFileSync(path.join(data, 'postgresql.conf'), configuration(configured))
    await start()
  } catch (error) {
    await stop()
    throw error
  }

  return {
    major,
    port,
    get pid() {
      return child?.pid ?? 0
    },
    log: () => readFileSync(logFile, 'utf8'),
    url: (database, role = 'postgres') => `postgres://${encodeURIComponent(role)}@127.0.0.1:${port}/${encodeURIComponent(database)}`,
    stop,
    halt: async () => child?.end('SIGINT'),
    crash: async () => child?.end('SIGQUIT'),
    restart: async () => {
      await child?.end('SIGINT')
      await start()
    },
  }
}

/** Sized for many migrations at once; nothing here survives a power cut, and nothing needs to. */
const DEFAULTS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '150',
  max_wal_senders: '30',
  max_replication_slots: '30',
  max_logical_replication_workers: '10',
  max_worker_processes: '20',
  max_prepared_transactions: '20',
  max_locks_per_transaction: '256',
  shared_buffers: '128MB',
  fsync: 'off',
  full_page_writes: 'off',
  log_timezone: 'UTC',
  timezone: 'UTC',
}

function forLevel(walLevel: string): Record<string, string> {
  return walLevel === 'minimal' ? { max_wal_senders: '0' } : {}
}

function configuration(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
    .join('')
}

/** The caller's PG* variables and locale would change what initdb and the server do. */
function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' }
}

async function choosePort(wanted: number | undefined): Promise<number> {
  const port = await freePort(wanted)
  if (wanted !== undefined && port !== wanted) throw new Error(`Port ${wanted} is taken`)
  return port
}

async function answers(port: number): Promise<boolean> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres', connectionTimeoutMillis: 5000 })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('select 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}
