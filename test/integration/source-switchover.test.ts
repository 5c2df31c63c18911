import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { unprivilegedUser } from '../../dev/unprivileged-user.ts'
import { startPostgres } from '../../dev/postgres-server.ts'
import { clientProgram } from '../../src/postgres/client-program.ts'
import { connect } from '../../src/postgres/connect.ts'
import { resolveConnection } from '../../src/postgres/resolve-connection.ts'
import { readMigrationRecord } from '../../src/state/migration-record.ts'
import { catchUp, copyOne, prepareHandoff } from '../handoff-run.ts'
import { migrationFixture } from '../migration-fixture.ts'
import type { MigrationFixture } from '../migration-fixture.ts'
import { eventually, ownServer, server, sql } from '../servers.ts'

const closers: (() => Promise<unknown>)[] = []
after(async () => {
  for (const close of closers.reverse()) await close()
})

test('17: with a standby that synchronizes slots the stream survives a failover without a gap', { timeout: 180_000 }, async () => {
  const primary = await ownServer(17)
  const admin = primary.url('postgres')
  await sql(admin, `select pg_create_physical_replication_slot('standby', true)`)
  const fixture = await migrationFixture(primary, await server(18), 'create table t (id int primary key)')
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-standby-'))
  closers.push(() => rm(folder, { recursive: true, force: true }))
  const { uid = process.getuid?.() ?? 0, gid = process.getgid?.() ?? 0 } = unprivilegedUser()
  await promisify(execFile)('chown', [`${uid}:${gid}`, folder])
  const data = path.join(folder, 'data')
  const program = await clientProgram('pg_basebackup', 17)
  const backup = ['-d', admin, '-D', data, '-X', 'stream', '-c', 'fast', '-R', '-S', 'standby', '--no-sync']
  await promisify(execFile)(program, backup, { uid, gid, cwd: '/' })
  const standby = await startPostgres({
    major: 17,
    dataFolder: data,
    settings: {
      sync_replication_slots: 'on',
      hot_standby_feedback: 'on',
      primary_slot_name: 'standby',
      primary_conninfo: `host=127.0.0.1 port=${primary.port} user=postgres dbname=postgres`,
    },
  })
  closers.push(() => standby.stop())

  await prepareHandoff(fixture)
  await copyOne(fixture, 't')
  const { slot } = await readMigrationRecord(await fixture.session('target', 'read'), fixture.id)
  const [made] = await fixture.source.sql('select failover from pg_replication_slots where slot_name = $1', [slot])
  assert.equal(made?.['failover'], 't')
  for (const id of [1, 2, 3]) await fixture.source.sql(`insert into t values (${id})`)
  await catchUp(fixture)
  // The standby keeps it for good once the slot has moved beyond where the standby found it.
  let id = 3
  await eventually('the slot on the standby', 60, async () => {
    await fixture.source.sql(`insert into t values (${++id}); select pg_log_standby_snapshot()`)
    await catchUp(fixture)
    const [row] = await sql(
      standby.url('postgres'),
      'select synced and not temporary as ok from pg_replication_slots where slot_name = $1',
      [slot],
    )
    return row?.['ok'] === 't'
  })
  await fixture.source.sql(`insert into t values (${++id})`)
  const [{ lsn } = {}] = await sql(admin, 'select pg_current_wal_insert_lsn() as lsn')
  await eventually('the change on the standby', 30, async () => {
    const [row] = await sql(standby.url('postgres'), 'select pg_last_wal_replay_lsn() >= $1::pg_lsn as ok', [lsn ?? ''])
    return row?.['ok'] === 't'
  })
  await primary.crash()
  await sql(standby.url('postgres'), 'select pg_promote()')

  const url = standby.url(fixture.source.name)
  await sql(url, `insert into t values (${++id})`)
  const sourceConnection = await resolveConnection({ url }, 'source', {})
  const moved: MigrationFixture = {
    ...fixture,
    sourceConnection,
    session: async (side, purpose = 'moved', options = {}) => {
      if (side === 'target') return fixture.session(side, purpose, options)
      const opened = await connect(sourceConnection, { side, applicationName: `pgmove ${fixture.id} ${purpose}`, ...options })
      closers.push(() => opened.close())
      return opened
    },
  }
  await catchUp(moved)
  const rows = await fixture.target.sql('select id from t order by id::int')
  assert.deepEqual(
    rows.map((row) => row['id']),
    Array.from({ length: id }, (_, i) => String(i + 1)),
  )
  assert.equal((await readMigrationRecord(await fixture.session('target', 'read'), fixture.id)).timeline, '2')
})
