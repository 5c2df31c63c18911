import { randomBytes } from 'node:crypto'
import http from 'node:http'
import { after } from 'node:test'
import pg from 'pg'
import { eventually } from '../dev/eventually.ts'
import { startPostgres } from '../dev/postgres-server.ts'
import type { PostgresOptions, PostgresServer } from '../dev/postgres-server.ts'
import { REGISTRY_VARIABLE, ServerPool } from './server-registry.ts'
import type { SharedPostgres, SharedTemporal, SharedWorker } from './server-registry.ts'

export { eventually }

export interface TestServer {
  readonly major: number
  readonly port: number
  /** A connection URL; trust authentication, superuser `postgres` unless another user is given. */
  url(database: string, user?: string): string
}

export interface ServerOptions {
  /** Default `logical`. */
  walLevel?: 'logical' | 'replica'
  /** Settings of postgresql.conf; each distinct set is a server of its own. */
  settings?: Record<string, string>
}

export interface TestDatabase {
  readonly url: string
  readonly name: string
  /** Runs SQL, one or many statements without values; every value in the rows is text. */
  sql(text: string, values?: readonly (string | null)[]): Promise<Record<string, string | null>[]>
  /** Ends its sessions, drops its slots and prepared transactions and the database itself. Idempotent; called by itself after the file's tests. */
  drop(): Promise<void>
}

/** Only for a file that runs alone; otherwise the runner's pool is asked. */
const ownPool = new ServerPool()
const ownServers: PostgresServer[] = []
const databases: TestDatabase[] = []
const closers: (() => Promise<unknown>)[] = []

after(async () => {
  for (const close of closers.reverse()) await close()
  for (const open of databases) await open.drop()
  for (const started of ownServers) await started.stop()
  await ownPool.stop()
})

/** A running server of `major`, shared with every other test that asks for the same settings: never stop, restart or reconfigure it. */
export async function server(major: number, options: ServerOptions = {}): Promise<TestServer> {
  const registry = process.env[REGISTRY_VARIABLE]
  const wanted: PostgresOptions = { major, ...options }
  const { port } = registry ? await ask<SharedPostgres>(`${registry}/postgres`, wanted) : await ownPool.postgres(wanted)
  return { major, port, url: (database, user = 'postgres') => postgresUrl(port, database, user) }
}

/** A server for this file alone, to stop, crash and restart at will; stopped by itself after the file's tests. */
export async function ownServer(
  major: number,
  options: ServerOptions & { port?: number; dataFolder?: string } = {},
): Promise<PostgresServer> {
  const started = await startPostgres({ major, ...options })
  ownServers.push(started)
  return started
}

/** A Temporal dev server shared by the whole run: give task queues and workflow ids names of your own. */
export async function temporal(): Promise<SharedTemporal> {
  const registry = process.env[REGISTRY_VARIABLE]
  return registry ? await ask<SharedTemporal>(`${registry}/temporal`, {}) : await ownPool.temporal()
}

/** Starts, if need be, the worker that the whole run shares: it knows nothing but the shared Temporal, and is not to be ended. */
export async function sharedWorker(): Promise<SharedWorker> {
  const registry = process.env[REGISTRY_VARIABLE]
  return registry ? await ask<SharedWorker>(`${registry}/worker`, {}) : await ownPool.worker()
}

/** Calls `close` after the file's tests, the last one given first, while servers and databases are still there. */
export function atEnd(close: () => Promise<unknown>): void {
  closers.push(close)
}

/** A name that no other test of this machine uses. */
export function uniqueName(prefix: string): string {
  return `${prefix}_${process.pid}_${randomBytes(4).toString('hex')}`
}

/** A fresh, empty database with a unique name, or with `name`; dropped by itself after the file's tests. */
export async function database(on: Pick<TestServer, 'url'>, options: { name?: string; owner?: string } = {}): Promise<TestDatabase> {
  const name = options.name ?? uniqueName('t')
  const admin = on.url('postgres')
  const owner = options.owner === undefined ? '' : ` owner ${quoted(options.owner)}`
  await sql(admin, `create database ${quoted(name)} template template0${owner}`)
  const url = on.url(name)
  let dropped: Promise<void> | undefined
  const created: TestDatabase = {
    url,
    name,
    sql: (text, values) => sql(url, text, values),
    drop: () => (dropped ??= dropDatabase(admin, url, name)),
  }
  databases.push(created)
  return created
}

/** Runs SQL over a connection of its own; every value in the rows is text. */
export async function sql(url: string, text: string, values?: readonly (string | null)[]): Promise<Record<string, string | null>[]> {
  const { hostname, port, username, pathname } = new URL(url)
  const client = new pg.Client({
    host: hostname,
    port: Number(port),
    user: decodeURIComponent(username),
    database: decodeURIComponent(pathname.slice(1)),
    types: { getTypeParser: () => (value: string) => value },
    connectionTimeoutMillis: 10_000,
  })
  client.on('error', () => {})
  await client.connect()
  try {
    const result = await (values ? client.query(text, [...values]) : client.query(text))
    const last: pg.QueryResult = Array.isArray(result) ? (result as pg.QueryResult[]).at(-1)! : result
    return last.rows as Record<string, string | null>[]
  } finally {
    await client.end()
  }
}

async function dropDatabase(admin: string, url: string, name: string): Promise<void> {
  try {
    for (const { gid } of await sql(admin, 'select gid from pg_prepared_xacts where database = $1', [name])) {
      await sql(url, `rollback prepared '${gid!.replaceAll("'", "''")}'`)
    }
    await sql(admin, `alter database ${quoted(name)} allow_connections false`)
    await eventually(`the end of the sessions of ${name}`, 20, async () => {
      await sql(admin, 'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name])
      const [left] = await sql(
        admin,
        `select count(*) as n from pg_stat_activity where datname = $1 union all select count(*) from pg_replication_slots where database = $1 and active order by 1 desc`,
        [name],
      )
      return left?.['n'] === '0'
    })
    await sql(admin, 'select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = $1', [name])
    await sql(admin, `drop database if exists ${quoted(name)}`)
  } catch (error) {
    // A test may have stopped its own server or dropped the database itself.
    if (!isGone(error)) throw error
  }
}

function isGone(error: unknown): boolean {
  const code = (error as { code?: string }).code
  return code === '3D000' || code === 'ECONNREFUSED'
}

function postgresUrl(port: number, name: string, user: string): string {
  return `postgres://${encodeURIComponent(user)}@127.0.0.1:${port}/${encodeURIComponent(name)}`
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Not fetch: its time limits are shorter than a first download may take. */
function ask<T>(url: string, body: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: 'POST' }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        if (response.statusCode === 200) resolve(JSON.parse(text) as T)
        else reject(new Error(text))
      })
    })
    request.on('error', reject)
    request.end(JSON.stringify(body))
  })
}
