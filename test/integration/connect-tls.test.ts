import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import test, { before } from 'node:test'
import { diagnoseConnection } from '../../src/diagnosis/diagnose-connection.ts'
import { replicationClientConfig } from '../../src/postgres/replication-client-config.ts'
import { resolveConnection } from '../../src/postgres/resolve-connection.ts'
import { openChangeStream } from '../../src/replication/change-stream.ts'
import { sql } from '../servers.ts'
import { testTlsConnections, tlsTestServer } from '../tls-connections.ts'
import type { TlsServer } from '../tls-server.ts'

for (const major of [13, 17]) testTlsConnections(major)

let on: TlsServer
before(async () => {
  on = await tlsTestServer(17)
})

test('the connection test tells what became of TLS, the certificates that are missing, and the line of pg_hba.conf', async () => {
  const file = (name: string): string => encodeURIComponent(on.file(name))
  const told = async (role: string, parameters: string, host = 'localhost') => {
    const env = { HOME: on.file('home'), URL: `postgres://${role}@${host}:${on.server.port}/postgres?${parameters}` }
    const { signal } = new AbortController()
    const { diagnosis } = await diagnoseConnection({ side: 'target', connection: { env: 'URL' }, env, signal })
    const { check, status, found, fix } =
      diagnosis.find((item) => item.check === 'authentication' && item.status === 'Failed') ??
      diagnosis.find((item) => item.check === 'tls')!
    return `${check} ${status}: ${found}: ${fix}`
  }
  const verified = `sslmode=verify-full&sslrootcert=${file('root.crt')}`
  const shows = (certificate: string, key = certificate) => `${verified}&sslcert=${file(`${certificate}.crt`)}&sslkey=${file(`${key}.key`)}`
  await writeFile(on.file('closed.key'), ENCRYPTED_KEY, { mode: 0o600 })
  await writeFile(on.file('open.key'), ENCRYPTED_KEY, { mode: 0o644 })

  assert.match(await told('any', verified), /^tls Passed: TLSv1\.3; .* was verified/)
  assert.match(await told('any', 'sslmode=require'), /^tls Passed: TLSv1\.3; .* was not verified/)
  assert.match(await told('any', 'sslmode=disable'), /^tls Passed: not encrypted .*on this machine/)
  assert.match(await told('any', `sslmode=verify-ca&sslrootcert=${file('other.crt')}`), /^tls Failed: .*sslrootcert=FILE/)
  assert.match(await told('any', verified, '127.0.0.1'), /^tls Failed: .*by a name that stands in/)
  assert.match(await told('plain', 'sslmode=require'), /^authentication Failed: .*Add to pg_hba\.conf: hostssl postgres plain/)
  assert.match(await told('tls', 'sslmode=disable'), /^authentication Failed: .*Add to pg_hba\.conf: host postgres tls/)

  assert.match(
    await told('any', `sslmode=verify-full&sslrootcert=${file('none.crt')}`),
    /^tls Failed: .*none\.crt does not exist.*sslrootcert=FILE/,
  )
  assert.match(await told('certified', shows('certified', 'none')), /^tls Failed: .*not its private key .*none\.key.*sslkey=FILE/)
  assert.match(await told('certified', shows('certified', 'open')), /^tls Failed: .*may be read by others.*chmod 600/)
  assert.match(await told('certified', shows('certified', 'closed')), /^tls Failed: .*is encrypted, .*sslpassword.*openssl pkey/)
  assert.match(await told('certified', shows('certified', 'both')), /^tls Failed: .*do not belong together/)
  assert.match(
    await told('certified', shows('stranger')),
    /^tls Failed: .*unknown ca.*refuses the client certificate .*stranger\.crt.*ssl_ca_file/i,
  )
  assert.match(await told('certified', shows('expired')), /^tls Failed: .*expired.*refuses the client certificate .*expired\.crt/)
  assert.match(
    await told('certified', verified),
    /^authentication Failed: .*valid client certificate.*sslcert=FILE&sslkey=FILE.*common name "certified"/,
  )
  assert.match(await told('certified', shows('both')), /^authentication Failed: .*whose common name is "certified"/)
  assert.match(await told('certified', shows('certified')), /^tls Passed: TLSv1\.3; .* was verified/)
})

const ENCRYPTED_KEY = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' },
}).privateKey

test('the change stream comes whole through an encrypted connection', async () => {
  const url = `postgres://postgres@localhost:${on.server.port}/postgres`
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
