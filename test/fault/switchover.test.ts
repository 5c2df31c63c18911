import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { openSession } from '../../demo/session.ts'
import { startPostgres } from '../../dev/postgres-server.ts'
import type { PostgresServer } from '../../dev/postgres-server.ts'
import { unprivilegedUser } from '../../dev/unprivileged-user.ts'
import { clientProgram } from '../../src/postgres/client-program.ts'
import { testMigration } from '../migration-run.ts'
import type { RunningMigration } from '../migration-run.ts'
import { becomeStandby, promote } from '../promote.ts'
import { database, eventually, ownServer, server, sql } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'
import { contents, fillSmallSource } from '../small-source.ts'
import { LIMIT } from './fault-run.ts'

const run = promisify(execFile)
const closers: (() => Promise<unknown>)[] = []
after(async () => {
  for (const close of closers.reverse()) await close()
})

async function ownFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-switchover-'))
  closers.push(() => rm(folder, { recursive: true, force: true }))
  const { uid, gid } = unprivilegedUser()
  if (uid !== undefined && gid !== undefined) await run('chown', [`${uid}:${gid}`, folder])
  return folder
}

/** A standby that takes over slots, as it is set up on 17 and newer. */
async function standbyOf(primary: PostgresServer): Promise<PostgresServer> {
  const admin = primary.url('postgres')
  await sql(admin, `select pg_create_physical_replication_slot('standby', true)`)
  const data = path.join(await ownFolder(), 'data')
  const { uid = process.getuid?.() ?? 0, gid = process.getgid?.() ?? 0 } = unprivilegedUser()
  const backup = ['-d', admin, '-D', data, '-X', 'stream', '-c', 'fast', '-R', '-S', 'standby', '--no-sync']
  await run(await clientProgram('pg_basebackup', primary.major), backup, { uid, gid, cwd: '/' })
  const standby = await startPostgres({
    major: primary.major,
    dataFolder: data,
    settings: {
      sync_replication_slots: 'on',
      hot_standby_feedback: 'on',
      primary_slot_name: 'standby',
      primary_conninfo: `host=127.0.0.1 port=${primary.port} user=postgres dbname=postgres`,
    },
  })
  closers.push(() => standby.stop())
  // What is committed is there after the switchover, and no slot is ahead of it.
  await sql(admin, `alter system set synchronized_standby_slots = 'standby'`)
  await sql(admin, 'select pg_reload_conf()')
  return standby
}

/** One row of the source that is written now, and has arrived. */
async function moves(url: string, target: TestDatabase, mark: string): Promise<void> {
  await sql(url, `insert into journal values ('${mark}')`)
  await eventually(`${mark} on the target`, 60, async () => (await target.sql(`select from journal where line = $1`, [mark])).length > 0)
}

const undelayed = (running: RunningMigration) =>
  running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed, 120)

describe('a source is switched over', { concurrency: 2 }, () => {
  test('17, with a standby that keeps slots: the migration goes on from there to its end', LIMIT, async () => {
    const primary = await ownServer(17)
    const standby = await standbyOf(primary)
    const [source, target] = [await database(primary), await database(await server(18))]
    await fillSmallSource(source)
    const both = source.url.replace(`:${primary.port}/`, `:${primary.port},127.0.0.1:${standby.port}/`)
    const migration = await testMigration({ source: `${both}?target_session_attrs=read-write`, target: target.url })
    await migration.worker()
    const running = await migration.start({ ignoreWarnings: true, lag: { heartbeat: '200ms' } })
    await undelayed(running)
    const there = standby.url(source.name)
    await eventually('the slot on the standby', 60, async () => {
      await sql(source.url, 'select pg_log_standby_snapshot()')
      const [row] = await sql(there, `select from pg_replication_slots where slot_name like 'dts_sync_%' and synced and not temporary`)
      return row !== undefined
    })
    await moves(source.url, target, 'before')

    await primary.halt()
    await promote(standby)
    await moves(there, target, 'after')
    assert.equal((await undelayed(running)).errors.total, 0)
    await running.signal('cutover')
    const report = await running.result()
    const [timeline] = await target.sql('select timeline from pgmove.migration')
    assert.equal(timeline?.['timeline'], '2')
    const now: TestDatabase = { ...source, sql: (text, values) => sql(there, text, values) }
    assert.deepEqual(await contents(target), await contents(now))
    assert.deepEqual(report.left, [])
    assert.deepEqual(await now.sql(`select slot_name from pg_replication_slots where database = current_database()`), [])
    await primary.restart()
  })

  test('13: a slot that was kept is accepted on the new timeline; a server that lacks what was applied is told', LIMIT, async () => {
    const folder = await ownFolder()
    const data = path.join(folder, 'data')
    const own = await startPostgres({ major: 13, dataFolder: data })
    closers.push(() => own.stop())
    const [source, target] = [await database(own), await database(await server(17))]
    await fillSmallSource(source)
    const migration = await testMigration({ source: source.url, target: target.url })
    await migration.worker()
    const running = await migration.start({ ignoreWarnings: true })
    await undelayed(running)

    await becomeStandby(own)
    await promote(own)
    await moves(source.url, target, 'on timeline 2')
    assert.equal((await undelayed(running)).errors.total, 0)

    // A standby that has not got the last changes becomes the primary; its slot is there, and begins before them.
    await own.halt()
    await cp(data, path.join(folder, 'behind'), { recursive: true, preserveTimestamps: true })
    await own.restart()
    await moves(source.url, target, 'lost by the next primary')
    await own.crash()
    await rm(data, { recursive: true })
    await cp(path.join(folder, 'behind'), data, { recursive: true })
    const { uid, gid } = unprivilegedUser()
    if (uid !== undefined && gid !== undefined) await run('chown', ['-R', `${uid}:${gid}`, data])
    await run('chmod', ['700', data])
    await becomeStandby(own, data)
    await promote(own)
    const failure = await running.result().then(
      () => 'it completed',
      (error: unknown) => (error as { cause?: { type?: string; message?: string } }).cause,
    )
    assert.ok(typeof failure !== 'string' && failure?.type === 'SourceReplaced', JSON.stringify(failure))
    assert.match(
      failure.message ?? '',
      /timeline 3 left timeline 2 at [0-9A-F/]+, and the target has changes up to [0-9A-F/]+, which are lost there/,
    )
    const session = await openSession(target.url)
    closers.push(() => session.close())
    assert.equal((await session.query(`select from public.journal where line = 'lost by the next primary'`)).length, 1)
  })
})
