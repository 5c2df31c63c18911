import assert from 'node:assert/strict'
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import test, { after, before } from 'node:test'
import pg from 'pg'
import { unprivilegedUser } from '../../dev/unprivileged-user.ts'
import { MigrationError } from '../../src/errors/migration-error.ts'
import { connect } from '../../src/postgres/connect.ts'
import { replicationClientConfig } from '../../src/postgres/replication-client-config.ts'
import { resolveConnection } from '../../src/postgres/resolve-connection.ts'
import { openChangeStream } from '../../src/replication/change-stream.ts'
import { diagnoseConnection } from '../../src/diagnosis/diagnose-connection.ts'
import { selfSignedCertificate } from '../self-signed-certificate.ts'
import { ownServer, sql } from '../servers.ts'

const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-tls-'))
after(() => rm(folder, { recursive: true, force: true }))
const file = (name: string): string => path.join(folder, name)
let port = 0

/** Roles: `any` by either way, `tls` only encrypted, `plain` only unencrypted, `scram` by password. */
const HBA = `host all postgres all trust
host all any all trust
hostssl all tls all trust
hostnossl all plain all trust
hostssl all scram all scram-sha-256
`

before(async () => {
  await chmod(folder, 0o755)
  const { certificate, key } = selfSignedCertificate('localhost')
  await writeFile(file('server.crt'), certificate)
  await writeFile(file('other.crt'), selfSignedCertificate('localhost').certificate)
  await writeFile(file('server.key'), key, { mode: 0o600 })
  const { uid, gid } = unprivilegedUser()
  if (uid !== undefined && gid !== undefined) await chown(file('server.key'), uid, gid)
  await writeFile(file('hba'), HBA)
  await mkdir(file('home'))
  const settings = { hba_file: file('hba'), ssl: 'on', ssl_cert_file: file('server.crt'), ssl_key_file: file('server.key') }
  const on = await ownServer(17, { settings })
  port = on.port
  await sql(
    on.url('postgres'),
    `create role "any" login; create role tls login; create role plain login; create role scram login password 'pw'`,
  )
})

test('the connection test tells what became of TLS, and the line of pg_hba.conf that is missing', async () => {
  const told = async (role: string, parameters: string, host = 'localhost') => {
    const env = { HOME: file('home'), URL: `postgres://${role}@${host}:${port}/postgres?${parameters}` }
    const { signal } = new AbortController()
    const { diagnosis } = await diagnoseConnection({ side: 'target', connection: { env: 'URL' }, env, signal })
    const { check, status, found, fix } =
      diagnosis.find((item) => item.check === 'authentication' && item.status === 'Failed') ??
      diagnosis.find((item) => item.check === 'tls')!
    return `${check} ${status}: ${found}: ${fix}`
  }
  assert.match(await told('any', `sslmode=verify-full&sslrootcert=${file('server.crt')}`), /^tls Passed: TLSv1\.3; .* was verified/)
  assert.match(await told('any', 'sslmode=require'), /^tls Passed: TLSv1\.3; .* was not verified/)
  assert.match(await told('any', 'sslmode=disable'), /^tls Passed: not encrypted .*on this machine/)
  assert.match(await told('any', `sslmode=verify-ca&sslrootcert=${file('other.crt')}`), /^tls Failed: .*sslrootcert=FILE/)
  assert.match(
    await told('any', `sslmode=verify-full&sslrootcert=${file('server.crt')}`, '127.0.0.1'),
    /^tls Failed: .*by a name that stands in/,
  )
  assert.match(await told('plain', 'sslmode=require'), /^authentication Failed: .*Add to pg_hba\.conf: hostssl postgres plain/)
  assert.match(await told('tls', 'sslmode=disable'), /^authentication Failed: .*Add to pg_hba\.conf: host postgres tls/)
})

async function encrypted(role: string, parameters: string, host = 'localhost'): Promise<boolean> {
  const env = { HOME: file('home'), PGPASSWORD: 'pw' }
  const resolved = await resolveConnection({ url: `postgres://${role}@${host}:${port}/postgres?${parameters}` }, 'target', env)
  const db = await connect(resolved, { side: 'target', applicationName: 'pgmove test' })
  try {
    const [row] = await db.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()')
    assert.equal(db.endpoint.encrypted, row?.['ssl'] === 't')
    const config = await replicationClientConfig(resolved, {
      applicationName: 'reader',
      version: db.version,
      endpoint: db.endpoint,
      side: 'target',
    })
    const client = new pg.Client(config)
    await client.connect()
    const { rows } = await client.query<{ ssl: string }>('select ssl from pg_stat_ssl where pid = pg_backend_pid()')
    await client.end()
    assert.equal(rows[0]?.ssl, row?.['ssl'])
    return db.endpoint.encrypted
  } finally {
    await db.close()
  }
}

const right = (): string => `sslrootcert=${encodeURIComponent(file('server.crt'))}`
const wrong = (): string => `sslrootcert=${encodeURIComponent(file('other.crt'))}`

// Columns: role, parameters, host, whether the session is encrypted.
const OPENS: [string, () => string, string, boolean][] = [
  ['any', () => '', 'localhost', true],
  ['any', () => 'sslmode=prefer', '127.0.0.1', true],
  ['any', () => 'sslmode=disable', 'localhost', false],
  ['any', () => 'sslmode=allow', 'localhost', false],
  ['tls', () => 'sslmode=allow', 'localhost', true],
  ['plain', () => 'sslmode=prefer', 'localhost', false],
  ['any', () => 'sslmode=require', '127.0.0.1', true],
  ['any', () => `sslmode=require&${right()}`, '127.0.0.1', true],
  ['any', () => `sslmode=prefer&${wrong()}`, 'localhost', false],
  ['any', () => `sslmode=verify-ca&${right()}`, '127.0.0.1', true],
  ['any', () => `sslmode=verify-full&${right()}`, 'localhost', true],
  ['any', () => `sslmode=verify-full&hostaddr=127.0.0.1&${right()}`, 'localhost', true],
  ['any', () => `sslmode=verify-full&sslsni=0&${right()}`, 'localhost', true],
  ['any', () => 'sslmode=require&sslnegotiation=direct', 'localhost', true],
  ['any', () => 'sslmode=require&ssl_min_protocol_version=TLSv1.3', 'localhost', true],
  ['scram', () => '', 'localhost', true],
  ['scram', () => 'channel_binding=require', 'localhost', true],
  ['scram', () => 'channel_binding=disable', 'localhost', true],
]
for (const [role, parameters, host, expected] of OPENS) {
  test(`${role} at ${host} with ${parameters().replaceAll(encodeURIComponent(folder), '')} is ${expected ? '' : 'un'}encrypted`, async () => {
    assert.equal(await encrypted(role, parameters(), host), expected)
  })
}

const REFUSES: [string, () => string, string, RegExp][] = [
  ['tls', () => 'sslmode=disable', 'localhost', /no pg_hba\.conf entry/],
  ['plain', () => 'sslmode=require', 'localhost', /no pg_hba\.conf entry/],
  ['any', () => `sslmode=require&${wrong()}`, 'localhost', /sslmode=require could not be kept/],
  ['any', () => `sslmode=verify-ca&${wrong()}`, 'localhost', /sslmode=verify-ca could not be kept/],
  ['any', () => `sslmode=verify-full&${right()}`, '127.0.0.1', /sslmode=verify-full could not be kept/],
  ['any', () => 'channel_binding=require', 'localhost', /channel_binding=require/],
]
for (const [role, parameters, host, message] of REFUSES) {
  test(`${role} at ${host} with ${parameters().replaceAll(encodeURIComponent(folder), '')} is refused`, async () => {
    await assert.rejects(encrypted(role, parameters(), host), (error: unknown) => {
      assert.ok(error instanceof MigrationError && error.kind === 'AuthenticationFailed', String(error))
      assert.match(error.message, message)
      return true
    })
  })
}

test('the change stream comes whole through an encrypted connection', async () => {
  const url = `postgres://postgres@localhost:${port}/postgres`
  await sql(url, 'create table streamed (id int primary key, v text); create publication streamed for table streamed')
  await sql(url, `select pg_create_logical_replication_slot('streamed', 'pgoutput')`)
  // More than a TLS record and a read of the socket hold, between small ones.
  await sql(url, `insert into streamed select i, repeat(chr(64 + i), case i when 3 then 300000 else i end) from generate_series(1, 6) i`)
  const resolved = await resolveConnection({ url: `${url}?sslmode=require` }, 'source')
  const clientConfig = await replicationClientConfig(resolved, { applicationName: 'streamed', version: 170000 })
  const stream = await openChangeStream({ clientConfig, slot: 'streamed', publication: 'streamed' })
  try {
    const found: string[] = []
    for await (const item of stream) {
      if (item.kind !== 'message') continue
      if (item.message.type === 'commit') break
      if (item.message.type !== 'insert') continue
      if (found.length === 0) {
        const rows = await sql(url, 'select ssl from pg_stat_replication join pg_stat_ssl using (pid)')
        assert.deepEqual(rows, [{ ssl: 't' }])
      }
      found.push(String(item.message.new.value(1)))
    }
    assert.deepEqual(
      found,
      [1, 2, 3, 4, 5, 6].map((i) => String.fromCharCode(64 + i).repeat(i === 3 ? 300_000 : i)),
    )
  } finally {
    await stream.close()
  }
})
