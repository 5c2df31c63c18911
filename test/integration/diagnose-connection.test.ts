import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import test, { after } from 'node:test'
import { freePort } from '../../dev/free-port.ts'
import { diagnoseConnection } from '../../src/diagnosis/diagnose-connection.ts'
import { ident } from '../../src/postgres/quote.ts'
import type { DiagnosisItem } from '../../src/workflows/connection-activities.ts'
import { poolingProxy } from '../pooling-proxy.ts'
import { precheckPair } from '../precheck-run.ts'
import { database, eventually, ownServer, server, sql, uniqueName } from '../servers.ts'

const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-diagnosis-'))
await chmod(folder, 0o755)
after(() => rm(folder, { recursive: true, force: true }))

const STEPS = [
  ...['reference', 'name_resolution', 'tcp', 'tls', 'authentication', 'database', 'version', 'role'],
  ...['replication', 'pooler', 'clock', 'round_trip'],
]

async function diagnosed(url: string | undefined, side: 'source' | 'target' = 'source') {
  const env = { HOME: folder, PGPASSWORD: 's3cret', ...(url !== undefined && { URL: url }) }
  const { status, diagnosis } = await diagnoseConnection({ side, connection: { env: 'URL' }, env, signal: new AbortController().signal })
  assert.ok(!JSON.stringify(diagnosis).includes('s3cret'))
  return { status, diagnosis, last: diagnosis.at(-1) }
}

const open = (items: readonly DiagnosisItem[]) => items.filter(({ status }) => status !== 'Passed')

for (const major of [10, 18]) {
  test(`PostgreSQL ${major}: every step of a connection that is right passes`, async () => {
    const { url } = await database(await server(major))
    const source = await diagnosed(url)
    assert.deepEqual({ ...source, last: 0, diagnosis: open(source.diagnosis) }, { status: 'Passed', diagnosis: [], last: 0 })
    assert.deepEqual(source.diagnosis.map(({ check }) => check), STEPS) // prettier-ignore
    assert.match(source.diagnosis.find(({ check }) => check === 'version')!.found, new RegExp(`^PostgreSQL ${major}\\.`))
    const target = await diagnosed(url, 'target')
    assert.deepEqual(
      target.diagnosis.map(({ check }) => check),
      STEPS.filter((check) => check !== 'replication'),
    )
  })
}

test('the step that fails says why, and the exact fix', async () => {
  const on = await server(13)
  const { name } = await database(on)
  const where = `127.0.0.1:${on.port}/${name}`
  const nobody = await freePort()
  const failures: [string | undefined, string, RegExp, RegExp][] = [
    [undefined, 'reference', /variable URL/, /every worker/],
    ['postgres://postgres@nowhere.invalid/x', 'name_resolution', /nowhere\.invalid:5432 is not known/, /getent hosts/],
    [`postgres://postgres@127.0.0.1:${nobody}/x`, 'tcp', /ECONNREFUSED/, /listen_addresses/],
    [`postgres://postgres@${where}?sslmode=require`, 'tls', /sslmode=require could not be kept/, /ssl = on/],
    [`postgres://postgres@127.0.0.1:${on.port}/no-such`, 'database', /does not exist/, /create database "no-such"/],
    [`postgres://no-such@${where}`, 'authentication', /role "no-such" does not exist/, /alter role "no-such" login/],
  ]
  for (const [url, check, found, fix] of failures) {
    const { status, last } = await diagnosed(url)
    assert.deepEqual([status, last?.check, last?.status], ['Failed', check, 'Failed'])
    assert.match(last!.found, found)
    assert.match(last!.fix, fix)
  }
})

test('pg_hba.conf, a wrong password, missing rights and wal_level are told apart', async () => {
  const hba = path.join(folder, 'hba')
  await writeFile(hba, `host all postgres all trust\nhost all listed all scram-sha-256\n`)
  const on = await ownServer(13, { walLevel: 'replica', settings: { hba_file: hba, password_encryption: 'scram-sha-256' } })
  const admin = on.url('postgres')
  await sql(admin, `create role unlisted login; create role listed login password 'other'`)

  const unlisted = await diagnosed(on.url('postgres', 'unlisted'))
  assert.equal(unlisted.last?.check, 'authentication')
  assert.match(
    unlisted.last.fix,
    /^Add to pg_hba\.conf: host postgres unlisted 127\.0\.0\.1\/32 scram-sha-256 — then: select pg_reload_conf\(\)$/,
  )
  const wrong = await diagnosed(on.url('postgres', 'listed'))
  assert.equal(wrong.last?.check, 'authentication')
  assert.match(wrong.last.fix, /alter role "listed" password/)

  await sql(admin, `alter role listed password 's3cret'`)
  const poor = await diagnosed(on.url('postgres', 'listed'))
  assert.equal(poor.status, 'Failed')
  const [role, replication, ...others] = open(poor.diagnosis)
  assert.deepEqual([role?.check, role?.fix, replication?.check], ['role', 'grant create on database "postgres" to "listed"; alter role "listed" replication', 'replication']) // prettier-ignore
  assert.deepEqual(others, [])

  await sql(admin, 'grant create on database postgres to listed; alter role listed replication')
  const [level, ...rest] = open((await diagnosed(on.url('postgres', 'listed'))).diagnosis)
  assert.match(
    `${level?.check}: ${level?.found}: ${level?.fix}`,
    /^replication: wal_level = replica .*: Run "alter system set wal_level = logical"/,
  )
  assert.deepEqual(rest, [])
  assert.deepEqual(open((await diagnosed(on.url('postgres', 'listed'), 'target')).diagnosis), [])
  await sql(admin, `alter system set wal_level = 'logical'`)
  await sql(admin, 'select pg_reload_conf()')
  const pending = await eventually('the change of wal_level that waits', 20, async () => {
    const [item] = open((await diagnosed(on.url('postgres', 'listed'))).diagnosis)
    return item?.fix.startsWith('Restart the server') ? item : undefined
  })
  assert.equal(pending.check, 'replication')
  const pair = await precheckPair({ major: 13, port: on.port, url: (name, user) => on.url(name, user) }, 17)
  const { wal_level: waits } = await pair.check()
  assert.deepEqual([waits?.status, waits?.found, waits?.fix], ['Failed', 'replica; a change waits for a restart', 'Restart the source.'])
  await sql(admin, `alter system reset wal_level`)
  await sql(admin, 'select pg_reload_conf()')
  await eventually('the change that is taken back', 20, async () => (await pair.check())['wal_level']?.found === 'replica')

  // As a managed service's server looks from inside.
  await sql(admin, 'create role rds_superuser; create role rds_replication; alter role listed noreplication')
  const managed = open((await diagnosed(on.url('postgres', 'listed'))).diagnosis)
  assert.equal(managed[0]?.fix, 'grant rds_replication to "listed"')
  await sql(admin, 'alter role listed replication')
  assert.match(open((await diagnosed(on.url('postgres', 'listed'))).diagnosis)[0]!.fix, /rds\.logical_replication = 1/)
  assert.match((await pair.check())['wal_level']?.fix ?? '', /rds\.logical_replication = 1 in the parameter group of the instance/)
  await sql(admin, 'create function aurora_version() returns text language sql as $$ select null::text $$')
  assert.match(open((await diagnosed(on.url('postgres', 'listed'))).diagnosis)[0]!.fix, /parameter group of the cluster/)
  await sql(admin, 'drop function aurora_version(); drop role rds_superuser, rds_replication; create role cloudsqlsuperuser')
  assert.match(open((await diagnosed(on.url('postgres', 'listed'))).diagnosis)[0]!.fix, /cloudsql\.logical_decoding = on/)
  await sql(admin, 'drop role cloudsqlsuperuser; create role azure_pg_admin')
  assert.match(open((await diagnosed(on.url('postgres', 'listed'))).diagnosis)[0]!.fix, /server parameter wal_level = logical/)
})

test('a connection pooler is noticed by the process that it names and by the settings that it drops; a long way, a clock that is off', async (t) => {
  const on = await server(13)
  const { name } = await database(on)
  const through = async (way: 'renames' | 'forgets' | 'delays') =>
    diagnosed(`postgres://postgres@127.0.0.1:${await poolingProxy(on.port, way)}/${name}?sslmode=disable`, 'target')
  const renamed = await through('renames')
  assert.equal(renamed.status, 'Passed')
  const item = renamed.diagnosis.find(({ check }) => check === 'pooler')
  assert.equal(item?.status, 'Warning')
  assert.match(item.fix, /the URL of the server itself/)
  const forgotten = await through('forgets')
  assert.deepEqual([forgotten.status, forgotten.last?.check], ['Failed', 'pooler'])
  assert.match(forgotten.last?.found ?? '', /did not take the setting \w+ at the start/)
  assert.doesNotMatch(forgotten.last?.fix ?? '', /resume/)

  const { now } = Date
  t.mock.method(Date, 'now', () => now() + 60_000)
  const [clock, trip, ...rest] = open((await through('delays')).diagnosis)
  assert.deepEqual([clock?.check, clock?.status, trip?.check, trip?.status, rest], ['clock', 'Warning', 'round_trip', 'Warning', []])
  assert.match(clock?.found ?? '', /^the server's clock is (59|60)\d{3} ms behind the worker's/)
  assert.match(trip?.fix ?? '', /nearer to the server/)
})

test('a load balancer that spreads connections over servers is noticed', async () => {
  const [first, second] = [await server(13), await server(17)]
  const role = uniqueName('role')
  for (const on of [first, second]) await sql(on.url('postgres'), `create role ${ident(role)} superuser login`)
  let count = 0
  const sockets: net.Socket[] = []
  const balancer = net.createServer((client) => {
    const on = count++ % 3 === 0 ? first : second
    const server = net.connect(on.port, '127.0.0.1')
    sockets.push(client, server)
    for (const [from, to] of [[client, server], [server, client]] as const) from.on('error', () => to.destroy()).on('close', () => to.destroy()).pipe(to) // prettier-ignore
  })
  await new Promise<void>((resolve) => balancer.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = balancer.address() as net.AddressInfo
    const { status, diagnosis } = await diagnosed(`postgres://${role}@127.0.0.1:${port}/postgres?sslmode=disable`, 'target')
    assert.equal(status, 'Failed')
    assert.deepEqual(open(diagnosis).map(({ check, found }) => [check, found]), [['pooler', 'connections to the same address end at different servers']]) // prettier-ignore
  } finally {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => balancer.close(resolve))
  }
})
