import assert from 'node:assert/strict'
import test from 'node:test'
import { MigrationError } from '../../src/errors/migration-error.ts'
import { Diagnosis } from '../../src/diagnosis/diagnosis.ts'
import { serviceOfHost, setParameter } from '../../src/diagnosis/managed-service.ts'
import { refusedSession } from '../../src/diagnosis/refused-session.ts'
import { POOLER, TOO_OLD } from '../../src/postgres/pin-session.ts'
import { resolveConnection } from '../../src/postgres/resolve-connection.ts'

const RDS = 'shop.abc123.eu-west-1.rds.amazonaws.com'
const AURORA = 'shop.cluster-ro-abc123.eu-west-1.rds.amazonaws.com'
const CLOUD_SQL = '0a1b2c.xyz.europe-west1.sql.goog'
const AZURE = 'shop.postgres.database.azure.com'

test('managed services are recognised by their host names', () => {
  assert.deepEqual([RDS, AURORA, CLOUD_SQL, AZURE, '/cloudsql/p:r:i'].map(serviceOfHost), [
    'Amazon RDS',
    'Amazon Aurora',
    'Google Cloud SQL',
    'Azure Database for PostgreSQL',
    'Google Cloud SQL',
  ])
  for (const host of ['db1', 'rds.amazonaws.com.example.org', 'azure.com', '']) assert.equal(serviceOfHost(host), undefined)
})

test('a parameter is set in the words of the service', () => {
  const set = (service: ReturnType<typeof serviceOfHost>, needs: 'reload' | 'restart') =>
    setParameter(service, 'wal_sender_timeout', "'60s'", needs)
  assert.equal(set(undefined, 'reload'), "alter system set wal_sender_timeout = '60s'; then select pg_reload_conf().")
  assert.equal(set('Amazon RDS', 'restart'), 'Set wal_sender_timeout = 60s in the parameter group of the instance and reboot it.')
  assert.equal(set('Amazon Aurora', 'reload'), 'Set wal_sender_timeout = 60s in the parameter group of the cluster.')
  assert.equal(set('Google Cloud SQL', 'restart'), 'Set the flag wal_sender_timeout = 60s; the instance restarts.')
  assert.equal(set('Azure Database for PostgreSQL', 'restart'), 'Set the server parameter wal_sender_timeout = 60s and restart the server.')
})

async function fixOf(host: string, code: string, message: string): Promise<string> {
  const diagnosis = new Diagnosis()
  const resolved = await resolveConnection({ url: `postgres://mover@${host}/shop` }, 'source', { HOME: '/nowhere' })
  const cause = Object.assign(new Error(message), { code })
  refusedSession(diagnosis, new MigrationError('AuthenticationFailed', message, { side: 'source', cause }), 'source', resolved)
  return diagnosis.result.diagnosis.at(-1)?.fix ?? ''
}

test('a server that is too old is told from a pooler', async () => {
  const resolved = await resolveConnection({ url: 'postgres://mover@db1/shop' }, 'source', { HOME: '/nowhere' })
  for (const [hint, check] of [
    [TOO_OLD, 'version'],
    [POOLER, 'pooler'],
    [undefined, 'session'],
  ] as const) {
    // prettier-ignore
    const diagnosis = new Diagnosis()
    refusedSession(diagnosis, new MigrationError('Internal', 'x', { side: 'source', ...(hint && { hint }) }), 'source', resolved)
    assert.equal(diagnosis.result.diagnosis[0]?.check, check)
  }
})

test('nobody is told to edit the pg_hba.conf of a managed service', async () => {
  const refused = 'no pg_hba.conf entry for host "10.0.0.7", user "mover", database "shop", no encryption'
  assert.match(await fixOf('db1', '28000', refused), /^Add to pg_hba\.conf: host shop mover 10\.0\.0\.7\/32/)
  assert.match(await fixOf(RDS, '28000', refused), /sslmode=verify-full .*rds\.force_ssl/)
  assert.match(await fixOf(CLOUD_SQL, '28000', refused), /sslmode=verify-full .*SSL mode/)
  assert.match(await fixOf(AZURE, '28000', refused), /sslmode=verify-full .*require_secure_transport/)
  const encrypted = refused.replace('no encryption', 'SSL encryption')
  assert.match(await fixOf(AZURE, '28000', encrypted), /^Add the worker's address to the firewall rules/)
  const replication = encrypted.replace('for host', 'for replication connection from host')
  assert.match(await fixOf(AURORA, '28000', replication), /^For replication: grant rds_replication to "mover"/)
  assert.match(await fixOf(RDS, '53300', 'too many connections'), /Set max_connections = a greater value in the parameter group/)
  assert.match(await fixOf('db1', '53300', 'too many connections'), /raise max_connections/)
})
