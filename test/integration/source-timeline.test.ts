import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { parseLsn } from '../../src/postgres/lsn.ts'
import { checkTimeline } from '../../src/source/check-timeline.ts'
import { connectWalsender } from '../../src/source/source-identity.ts'
import { sourcePosition } from '../../src/source/source-position.ts'
import { readMigrationRecord } from '../../src/state/migration-record.ts'
import { prepareHandoff } from '../handoff-run.ts'
import { migrationFixture } from '../migration-fixture.ts'
import { eventually, ownServer, server, sql } from '../servers.ts'

test('a failover behind what the target has is accepted, one before it is not', async () => {
  const own = await ownServer(13)
  const fixture = await migrationFixture(own, await server(17), 'create table t (id int primary key)')
  await prepareHandoff(fixture)
  const target = await fixture.session('target', 'check')
  const before = await readMigrationRecord(target, fixture.id)

  const [{ data_directory: data } = {}] = await sql(own.url('postgres'), 'show data_directory')
  await writeFile(path.join(data ?? '', 'standby.signal'), '')
  await own.restart()
  await sql(own.url('postgres'), 'select pg_promote()')
  await eventually('the promotion', 20, async () => (await sql(own.url('postgres'), 'select pg_is_in_recovery() as r'))[0]?.['r'] === 'f')

  const source = await fixture.session('source', 'check')
  const check = async (applied: bigint) => {
    const walsender = await connectWalsender(source, fixture.sourceConnection, 'check', new AbortController().signal)
    await checkTimeline(walsender, target, before, applied).finally(() => walsender.close())
  }
  await fixture.source.sql('insert into t values (1)')
  await assert.rejects(check(await sourcePosition(source)), { kind: 'SourceReplaced' })
  assert.equal((await readMigrationRecord(target, fixture.id)).timeline, '1')
  await check(parseLsn(before.consistent_point ?? ''))
  assert.equal((await readMigrationRecord(target, fixture.id)).timeline, '2')
})
