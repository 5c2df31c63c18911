import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import pg from 'pg'
import { MigrationError } from '../src/errors/migration-error.ts'
import { clientProgram } from '../src/postgres/client-program.ts'
import { connect } from '../src/postgres/connect.ts'
import { libpqEnvironment } from '../src/postgres/libpq-environment.ts'
import { replicationClientConfig } from '../src/postgres/replication-client-config.ts'
import { resolveConnection } from '../src/postgres/resolve-connection.ts'
import { runPgDump } from '../src/schema/run-pg-dump.ts'
import { certificateAuthority, selfSignedCertificate } from './certificate.ts'
import { eventually, sql } from './servers.ts'
import { tlsServer } from './tls-server.ts'
import type { TlsServer } from './tls-server.ts'

const PASSWORD = 'marked-password'

/** Roles: `any` by either way, `tls` only encrypted, `plain` only unencrypted, `scram` by password, `certified` by certificate alone, `both` by both. */
const HBA = `host all any all trust
hostssl all tls all trust
hostnossl all plain all trust
hostssl all scram all scram-sha-256
hostssl all certified all cert
hostssl all both all scram-sha-256 clientcert=1
`
/** From 12 on a client's certificate is asked for by word; 14 takes no other. */
const hbaOf = (major: number): string => (major < 12 ? HBA : HBA.replace('clientcert=1', 'clientcert=verify-ca'))

const ROLES = `
create role "any" login replication; create role tls login replication; create role plain login replication; create role certified login replication;
create role scram login replication password '${PASSWORD}'; create role "both" login password '${PASSWORD}'`

const started = new Map<number, Promise<TlsServer>>()

/** A server whose certificate is signed by an authority, and what else the tests need beside it; one for each version. */
export async function tlsTestServer(major: number): Promise<TlsServer> {
  let on = started.get(major)
  if (!on) started.set(major, (on = prepare(major)))
  return on
}

async function prepare(major: number): Promise<TlsServer> {
  const on = await tlsServer(major, hbaOf(major))
  await on.writeCertificate('other', selfSignedCertificate('localhost'))
  for (const name of ['certified', 'both']) await on.writeCertificate(name, on.authority.issue(name))
  await on.writeCertificate('expired', on.authority.issue('certified', { expired: true }))
  await on.writeCertificate('stranger', certificateAuthority('another authority').issue('certified'))
  await mkdir(on.file('home'))
  await sql(on.server.url('postgres'), `set password_encryption = 'scram-sha-256'; ${ROLES}`)
  return on
}

type Parameters = (file: (name: string) => string) => string
const root: Parameters = (file) => `sslrootcert=${encodeURIComponent(file('root.crt'))}`
const wrong: Parameters = (file) => `sslrootcert=${encodeURIComponent(file('other.crt'))}`
const shows =
  (certificate: string, key = certificate): Parameters =>
  (file) =>
    `sslmode=verify-full&${root(file)}&sslcert=${encodeURIComponent(file(`${certificate}.crt`))}&sslkey=${encodeURIComponent(file(`${key}.key`))}`

// Columns: role, parameters, host, whether the session is encrypted, the first major version.
const OPENS: readonly [string, Parameters, string, boolean, number?][] = [
  ['any', () => '', 'localhost', true],
  ['any', () => 'sslmode=prefer', '127.0.0.1', true],
  ['any', () => 'sslmode=disable', 'localhost', false],
  ['any', () => 'sslmode=allow', 'localhost', false],
  ['tls', () => 'sslmode=allow', 'localhost', true],
  ['plain', () => 'sslmode=prefer', 'localhost', false],
  ['any', () => 'sslmode=require', '127.0.0.1', true],
  ['any', (file) => `sslmode=require&${root(file)}`, '127.0.0.1', true],
  ['any', (file) => `sslmode=prefer&${wrong(file)}`, 'localhost', false],
  ['any', (file) => `sslmode=verify-ca&${root(file)}`, '127.0.0.1', true],
  ['any', (file) => `sslmode=verify-full&${root(file)}`, 'localhost', true],
  ['any', (file) => `sslmode=verify-full&hostaddr=127.0.0.1&${root(file)}`, 'localhost', true],
  ['any', (file) => `sslmode=verify-full&sslsni=0&${root(file)}`, 'localhost', true],
  ['any', () => 'sslmode=require&sslnegotiation=direct', 'localhost', true, 17],
  ['any', () => 'sslmode=require&ssl_min_protocol_version=TLSv1.3', 'localhost', true],
  ['scram', () => '', 'localhost', true],
  ['scram', () => 'channel_binding=require', 'localhost', true, 11],
  ['scram', () => 'channel_binding=disable', 'localhost', true],
  ['certified', shows('certified'), 'localhost', true],
]

const REFUSES: readonly [string, Parameters, string, RegExp][] = [
  ['tls', () => 'sslmode=disable', 'localhost', /no pg_hba\.conf entry/],
  ['plain', () => 'sslmode=require', 'localhost', /no pg_hba\.conf entry/],
  ['any', (file) => `sslmode=require&${wrong(file)}`, 'localhost', /sslmode=require could not be kept/],
  ['any', (file) => `sslmode=verify-ca&${wrong(file)}`, 'localhost', /sslmode=verify-ca could not be kept/],
  [
    'any',
    (file) => `sslmode=verify-full&${root(file)}`,
    '127.0.0.1',
    /sslmode=verify-full could not be kept: .*does not match.*127\.0\.0\.1/,
  ],
  ['any', () => 'channel_binding=require', 'localhost', /channel_binding=require/],
  ['certified', (file) => `sslmode=verify-full&${root(file)}`, 'localhost', /requires a valid client certificate/],
  ['certified', shows('both'), 'localhost', /certificate authentication failed for user "certified"/],
  ['certified', shows('stranger'), 'localhost', /sslmode=verify-full could not be kept: .*unknown ca/i],
  ['certified', shows('expired'), 'localhost', /sslmode=verify-full could not be kept: .*expired/i],
  ['certified', shows('certified', 'both'), 'localhost', /sslmode=verify-full could not be kept: .*key values mismatch/i],
]

/** Tests of ordinary and replication connections, and of pg_dump, against a server of `major` with TLS on. */
export function testTlsConnections(major: number): void {
  describe(`PostgreSQL ${major} with TLS`, () => {
    let on: TlsServer
    before(async () => {
      on = await tlsTestServer(major)
    })

    const resolved = (role: string, parameters: Parameters, host: string) =>
      resolveConnection({ url: `postgres://${role}@${host}:${on.server.port}/postgres?${parameters(on.file)}` }, 'target', {
        HOME: on.file('home'),
        PGPASSWORD: PASSWORD,
      })

    /** Whether the session is encrypted; a replication connection and a program of libpq to the same place must be alike. */
    async function encrypted(role: string, parameters: Parameters, host: string): Promise<boolean> {
      const connection = await resolved(role, parameters, host)
      const db = await connect(connection, { side: 'target', applicationName: 'pgmove test' })
      const question = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()'
      try {
        const [row] = await db.query(question)
        assert.equal(db.endpoint.encrypted, row?.['ssl'] === 't')
        const { version, endpoint } = db
        const config = await replicationClientConfig(connection, { applicationName: 'reader', version, endpoint, side: 'target' })
        const client = new pg.Client({ ...config, replication: 'database' } as pg.ClientConfig)
        await client.connect()
        const { rows } = await client.query<{ ssl: string }>(question)
        await client.end()
        assert.equal(rows[0]?.ssl, row?.['ssl'])
        const env = libpqEnvironment(connection, { endpoint })
        const { stdout } = await promisify(execFile)(await clientProgram('psql', 11), ['-XAtwc', question], { env })
        assert.equal(stdout.trim(), row?.['ssl'])
        return endpoint.encrypted
      } finally {
        await db.close()
      }
    }

    const name = (parameters: Parameters): string => parameters((file) => file)
    describe('opens', { concurrency: 4 }, () => {
      for (const [role, parameters, host, expected, since = 10] of OPENS) {
        if (major < since) continue
        test(`${role} at ${host} with ${name(parameters)} is ${expected ? '' : 'un'}encrypted`, async () => {
          assert.equal(await encrypted(role, parameters, host), expected)
        })
      }
    })
    describe('refuses', { concurrency: 4 }, () => {
      for (const [role, parameters, host, message] of REFUSES) {
        test(`${role} at ${host} with ${name(parameters)}`, async () => {
          await assert.rejects(encrypted(role, parameters, host), (error: unknown) => {
            assert.ok(error instanceof MigrationError && error.kind === 'AuthenticationFailed', String(error))
            assert.match(error.message, message)
            return true
          })
        })
      }
    })

    test('pg_dump connects in the same way, and nothing secret stands among its arguments', async () => {
      const url = on.server.url('postgres')
      await sql(url, 'create table held (id int); grant select on held to "both"')
      const connection = await resolved('both', shows('both'), 'localhost')
      const db = await connect(connection, { side: 'target', applicationName: 'beside' })
      const holder = new pg.Client({ connectionString: url })
      await holder.connect()
      try {
        await holder.query('begin; lock held')
        const applicationName = 'pgmove test dump'
        const { signal } = new AbortController()
        const dump = runPgDump({ database: db, connection, minMajor: major, excluded: [], lockWaitMs: 60_000, applicationName, signal })
        dump.catch(() => undefined)
        const waits = `select ssl from pg_stat_ssl join pg_stat_activity using (pid) where application_name = $1 and wait_event_type = 'Lock'`
        const rows = await eventually('pg_dump waits for the lock', 30, async () => {
          const found = await sql(url, waits, [applicationName])
          return found.length > 0 ? found : undefined
        })
        assert.deepEqual(rows, [{ ssl: 't' }])
        if (process.platform === 'linux') {
          const [line, ...others] = await commandLines('pg_dump')
          assert.ok(line !== undefined && line.includes('--schema-only') && others.length === 0, `${line}, ${others.length} more`)
          assert.doesNotMatch(line, new RegExp(`${PASSWORD}|\\.key|localhost|sslmode`))
        }
        await holder.query('rollback')
        assert.ok((await dump).entries.some(({ kind, tag }) => kind === 'TABLE' && tag === 'held'))
      } finally {
        await holder.end()
        await db.close()
      }
    })
  })
}

/** The arguments of this process's children that run `program`. */
async function commandLines(program: string): Promise<string[]> {
  const lines: string[] = []
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const [status, line] = await Promise.all(['status', 'cmdline'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')))
    if (status?.includes(`PPid:\t${process.pid}\n`) && line?.split('\0')[0]?.endsWith(program)) lines.push(line.replaceAll('\0', ' '))
  }
  return lines
}
