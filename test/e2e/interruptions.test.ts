import assert from 'node:assert/strict'
import test from 'node:test'
import { sharedMigration } from '../migration-run.ts'
import type { RunningMigration } from '../migration-run.ts'
import { database, eventually, server } from '../servers.ts'
import { contents, remains, smallPair } from '../small-source.ts'

const LIMIT = { timeout: 240_000 }

const streaming = (running: RunningMigration) => running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)

test('a table that is being copied shows its progress, holds still while paused, and is copied once', LIMIT, async () => {
  const source = await database(await server(13))
  const target = await database(await server(17))
  await source.sql(`create table slow (id int primary key, body text);
    insert into slow select i, repeat(md5(i::text), 60) from generate_series(1, 2500) i`)
  // Every row takes 3 ms, so that there is time to pause.
  await target.sql(`create table slow (id int primary key, body text, check (pg_sleep(0.003)::text is not null))`)
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const running = await migration.start({ types: ['full', 'incremental'], ignoreWarnings: true })
  const bytes = async () => {
    const [row] = await target.sql(`select bytes_processed as n from pg_stat_progress_copy where datname = current_database()`)
    return row === undefined ? undefined : Number(row['n'])
  }
  await eventually('the copy', 90, async () => ((await bytes()) ?? 0) > 0)
  await running.signal('pause')
  let last: number | undefined
  let still = 0
  await eventually('the copy standing still', 20, async () => {
    const now = await bytes()
    assert.notEqual(now, undefined, 'the copy ended before it was paused')
    still = now === last ? still + 1 : 0
    last = now
    return still > 20
  })
  await running.signal('resume')
  await running.reach('progress of a copy that runs', (s) => s.tables.copied === 0 && BigInt(s.rows) > 0n)
  const { currentDetails } = await running.handle.query<{ currentDetails: string }>('__temporal_workflow_metadata')
  assert.match(currentDetails, /Being copied[^]*`public\.slow`: [\d,]+ rows, [\d.]+ [kM]?B of about [\d.]+ MB/)
  await streaming(running)
  await running.signal('cutover')
  const report = await running.result()
  assert.equal(report.rows, '2500')
  assert.deepEqual(report.repeated.items, [])
})

test('a pause forgets the lag: after it a cutover waits until replication is undelayed again', LIMIT, async () => {
  const { source, target } = await smallPair()
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const running = await migration.start({ ignoreWarnings: true })
  await streaming(running)
  await running.signal('pause')
  await eventually('the end of the stream', 20, async () => {
    const [row] = await source.sql(`select active from pg_replication_slots where database = current_database()`)
    return row?.['active'] === 'f'
  })
  await running.reach('a pause that claims no lag', (s) => s.state === 'paused' && !s.undelayed && s.lag === null)
  await running.signal('resume')
  await running.signal('cutover')
  await running.result()
  assert.deepEqual(await contents(target), await contents(source))
})

test('abortCutover leaves a cutover that waits for the operator; without a cutover it is rejected', LIMIT, async () => {
  const { source, target } = await smallPair()
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const running = await migration.start({ ignoreWarnings: true })
  await streaming(running)
  await assert.rejects(running.handle.executeUpdate('abortCutover'))
  await source.sql('create table newer (id int primary key)')
  await running.signal('cutover')
  await eventually('a cutover that waits', 60, async () => {
    const { phase, state, errors } = await running.status()
    return phase === 'cutover' && state === 'waiting' && errors.items.at(-1)?.type === 'UnsupportedDdl'
  })
  await running.handle.executeUpdate('abortCutover')
  const back = await running.reach('the way back', (s) => s.phase === 'incremental' && s.state === 'running')
  assert.equal(back.errors.total, 1)
  await source.sql(`drop table newer; insert into customers (mail) values ('late@example.org')`)
  await streaming(running)
  await running.signal('cutover')
  await running.result()
  assert.deepEqual(await contents(target), await contents(source))
  assert.deepEqual(await remains(source), [])
})
