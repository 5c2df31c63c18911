import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { database, eventually, ownServer, server, sql } from '../servers.ts'

for (const major of [10, 13, 17, 18]) {
  test(`a PostgreSQL ${major} server is ready for logical replication`, async () => {
    const db = await database(await server(major))
    const [row] = await db.sql(
      `select current_setting('server_version_num') as version, current_setting('wal_level') as wal_level, current_setting('server_encoding') as encoding`,
    )
    assert.equal(Math.floor(Number(row?.['version']) / 10_000), major)
    assert.equal(row?.['wal_level'], 'logical')
    assert.equal(row?.['encoding'], 'UTF8')
  })
}

test('a database is dropped together with its slot and prepared transaction', async () => {
  const on = await server(13)
  const db = await database(on)
  await db.sql(`select pg_create_logical_replication_slot('of_' || current_database(), 'pgoutput')`)
  await db.sql('create table t (a int)')
  await db.sql(`begin; insert into t values (1); prepare transaction 'left''over'`)
  await db.drop()
  const [left] = await sql(
    on.url('postgres'),
    `select (select count(*) from pg_database where datname = $1) as databases,
      (select count(*) from pg_replication_slots where database = $1) as slots, (select count(*) from pg_prepared_xacts where database = $1) as prepared`,
    [db.name],
  )
  assert.deepEqual(left, { databases: '0', slots: '0', prepared: '0' })
})

test('a server of the file its own survives crash and restart with its data', async () => {
  const own = await ownServer(17, { settings: { work_mem: '7MB' } })
  const db = await database(own)
  await db.sql('create table t (a int); insert into t values (42)')
  const before = own.pid
  await own.crash()
  await own.restart()
  assert.notEqual(own.pid, before)
  assert.deepEqual(await db.sql(`select a, current_setting('work_mem') as m from t`), [{ a: '42', m: '7MB' }])
})

test('a server ends with the process that started it, even by SIGKILL', async () => {
  const module = new URL('../../dev/postgres-server.ts', import.meta.url).href
  const script = `import { startPostgres } from '${module}'
const server = await startPostgres({ major: 17 })
console.log(server.pid)
setInterval(() => {}, 1000)`
  const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const pid = await new Promise<number>((resolve, reject) => {
    parent.stdout.once('data', (text: Buffer) => resolve(Number(text)))
    parent.once('exit', () => reject(new Error('the starting process ended early')))
  })
  assert.ok(isAlive(pid))
  parent.kill('SIGKILL')
  await eventually('the end of the server', 20, () => !isAlive(pid))
})

function isAlive(pid: number): boolean {
  if (process.platform === 'linux') return existsSync(`/proc/${pid}`)
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
