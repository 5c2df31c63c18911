import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import pg from 'pg'
import { checkNothingBehind, watchMarkers, writeMarker } from '../../src/cutover/markers.ts'
import { MigrationError } from '../../src/errors/migration-error.ts'
import type { Database } from '../../src/postgres/connect.ts'
import { fence as check } from '../../src/precheck/check-fence.ts'
import type { PrecheckContext } from '../../src/precheck/precheck-context.ts'
import { fenceStatements, lowerFence, raiseFence, standingFence } from '../../src/source/fence.ts'
import { beat } from '../../src/source/heartbeat.ts'
import { readInstalled } from '../../src/source/installed.ts'
import type { InstalledBy } from '../../src/source/installed.ts'
import { releaseSource } from '../../src/source/release-source.ts'
import { installSourceSchema } from '../../src/source/source-schema.ts'
import { fixtureOn, migrationFixture, NAMESPACE_ID } from '../migration-fixture.ts'
import type { MigrationFixture } from '../migration-fixture.ts'
import { precheckPair } from '../precheck-run.ts'
import { eventually, server, sql, uniqueName } from '../servers.ts'
import type { TestServer } from '../servers.ts'

const never = new AbortController().signal
const clients: pg.Client[] = []
after(async () => {
  for (const client of clients) await client.end().catch(() => undefined)
})

/** A session of the application, by its own connection. */
async function application(url: string): Promise<pg.Client & { ended: boolean }> {
  const client = Object.assign(new pg.Client({ connectionString: url }), { ended: false })
  client.on('error', () => undefined)
  client.on('end', () => (client.ended = true))
  await client.connect()
  clients.push(client)
  return client
}

interface Fenced {
  readonly fixture: MigrationFixture
  readonly source: Database
  readonly by: InstalledBy
}

async function ready(fixture: MigrationFixture): Promise<Fenced> {
  const source = await fixture.session('source', 'fence', { lockTimeoutMs: 2000 })
  const by = { id: fixture.id, namespaceId: NAMESPACE_ID, workflowId: fixture.ref.workflowId, firstRunId: fixture.ref.firstRunId }
  await installSourceSchema(source, by, never)
  return { fixture, source, by }
}

async function release({ fixture, source }: Fenced, fence: 'lift' | 'keep' | 'leave') {
  return releaseSource({ source, id: fixture.id, deadline: Date.now() + 20_000, fence, signal: never })
}

/** Every setting of the database and of roles in it and in all, as the catalogue has them. */
async function settings({ fixture }: Fenced, roles: readonly string[] = []) {
  return fixture.source.sql(
    `select coalesce(r.rolname, '') as role, s.setdatabase = 0 as everywhere, s.setconfig from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole
      where s.setdatabase = (select oid from pg_database where datname = current_database()) or r.rolname = any ($1) order by 1, 2`,
    [`{${roles.join(',')}}`],
  )
}

const READ_ONLY = { code: '25006' }

async function withRoles(on: TestServer, names: readonly string[], body: (roles: string[]) => Promise<void>): Promise<void> {
  const roles = names.map(uniqueName)
  for (const role of roles) await sql(on.url('postgres'), `create role ${role} login`)
  try {
    await body(roles)
  } finally {
    for (const role of roles) await sql(on.url('postgres'), `drop role ${role}`).catch(() => undefined)
  }
}

for (const major of [10, 18]) {
  test(`${major}: behind the fence nobody writes but pgmove, whatever roles have set; lowered, every setting is as it was`, async () => {
    const on = await server(major)
    await withRoles(on, ['everywhere', 'here', 'plain'], async ([everywhere = '', here = '', plain = '']) => {
      const fixture = await migrationFixture(on, await server(17), 'create table t (id int primary key)')
      const fenced = await ready(fixture)
      const { source, by } = fenced
      const { name } = fixture.source
      await fixture.source.sql(
        `grant all on t to ${everywhere}, ${here}, ${plain}; alter database ${name} set work_mem = '5MB'; alter role ${everywhere} set default_transaction_read_only = off;
         alter role ${here} in database ${name} set work_mem = '6MB'; alter role ${here} in database ${name} set default_transaction_read_only = no;
         alter role ${plain} set default_transaction_read_only = on`,
      )
      const before = await settings(fenced, [everywhere, here, plain])
      const own = await fixture.session('source', 'another')
      const idle = await application(fixture.source.url)
      const writing = await application(fixture.source.url)
      await writing.query('begin; insert into t values (1)')
      await fixture.source.sql(`begin; insert into t values (2); prepare transaction 'it''s open'`)

      let waited: string | undefined
      const raising = raiseFence(source, by, { signal: never, onWait: (what) => (waited ??= what) })
      await eventually('the wait for the prepared transaction', 20, () => waited !== undefined)
      assert.match(waited ?? '', /it's open of postgres, since .* UTC \(commit prepared 'it''s open', or rollback prepared 'it''s open'\)/)
      assert.deepEqual(await settings(fenced, [everywhere, here, plain]), before, 'nothing is set while it waits')
      await fixture.source.sql(`commit prepared 'it''s open'`)
      assert.deepEqual(await raising, { ended: 2, kept: [] })
      await eventually('the end of the sessions', 20, () => idle.ended && writing.ended)

      for (const role of ['postgres', everywhere, here, plain]) {
        const session = await application(on.url(name, role))
        await assert.rejects(session.query('insert into t values (3)'), READ_ONLY, role)
        assert.deepEqual((await session.query('select id from t')).rows, [{ id: 2 }])
      }
      assert.equal(await beat(source, fixture.id), '1')
      await own.query('select 1')

      // Another attempt finds it there.
      await raiseFence(source, by, { signal: never })
      assert.equal((await standingFence(source, fixture.id)).length, 3)
      await lowerFence(source, fixture.id, never)
      assert.deepEqual(await settings(fenced, [everywhere, here, plain]), before)
      assert.deepEqual(await standingFence(source, fixture.id), [])
      await sql(on.url(name, everywhere), 'insert into t values (4)')

      // By hand, with the statements that are told.
      await raiseFence(source, by, { signal: never })
      for (const statement of await standingFence(source, fixture.id)) await source.query(statement)
      assert.deepEqual(await settings(fenced, [everywhere, here, plain]), before)
      await lowerFence(source, fixture.id, never)
      assert.deepEqual(await settings(fenced, [everywhere, here, plain]), before)
      assert.deepEqual((await release(fenced, 'lift')).left, [])
      await fixture.source.drop()
    })
  })
}

test('a fence is lifted with the last migration that needs it, and never after one that is completed', async () => {
  const one = await ready(await migrationFixture(await server(13), await server(17), 'create table t (id int primary key)'))
  const two = await ready(await fixtureOn(one.fixture.source, one.fixture.target))
  const before = await settings(one)
  const writable = async () => (await one.fixture.source.sql('show default_transaction_read_only'))[0]?.['default_transaction_read_only']
  for (const { source, by } of [one, two]) await raiseFence(source, by, { signal: never })
  await lowerFence(one.source, one.fixture.id, never)
  assert.equal(await writable(), 'on')
  await lowerFence(two.source, two.fixture.id, never)
  assert.deepEqual(await settings(one), before)

  for (const { source, by } of [two, one]) await raiseFence(source, by, { signal: never })
  const { left } = await release(one, 'leave')
  assert.deepEqual(
    left.map(({ kind }) => kind),
    ['fence', 'schema'],
  )
  assert.match(left[0]?.reason ?? '', /nobody knows whether/)
  assert.match(left[0]?.statement ?? '', /^begin read write; alter database ".*" reset default_transaction_read_only; commit$/)
  assert.deepEqual((await release(one, 'keep')).left, [])
  assert.deepEqual((await release(two, 'lift')).left, [])
  assert.equal(await writable(), 'on')
  assert.deepEqual(await one.fixture.source.sql(`select from pg_namespace where nspname = 'pgmove'`), [])
})

test('a change that was applied before the stream knew of the marker is found in the progress; a marker stands once it is written', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), '')
  const target = await fixture.session('target')
  const { id } = fixture
  const write = (cutover: string, which: 'marker_lsn' | 'proof_lsn', lsn: string) => writeMarker(target, id, cutover, which, lsn)
  assert.equal(await write('one', 'marker_lsn', '0/100'), '0/100')
  assert.equal(await write('one', 'marker_lsn', '0/110'), '0/100')
  assert.equal(await write('one', 'proof_lsn', '0/200'), '0/200')
  assert.equal(await write('one', 'proof_lsn', '0/210'), '0/200')
  await target.query(`update pgmove.progress set changed_lsn = '0/FF', commit_lsn = '0/150' where id = $1`, [id])
  await checkNothingBehind(target, id)
  await target.query(`update pgmove.progress set changed_lsn = '0/100' where id = $1`, [id])
  await assert.rejects(checkNothingBehind(target, id), { kind: 'FenceLeaked', lsn: '0/100' })
  assert.equal(await write('two', 'marker_lsn', '0/300'), '0/300')
  await checkNothingBehind(target, id)
  const told: unknown[] = []
  const stop = new AbortController()
  const watching = watchMarkers(target, id, 'two', {
    signal: stop.signal,
    onLooked: () => undefined,
    onMarkers: async ({ quietFrom, until }) => {
      told.push([quietFrom, until])
      if (until === undefined) await write('two', 'proof_lsn', '0/400')
    },
  })
  await watching
  assert.deepEqual(told, [
    [0x300n, undefined],
    [0x300n, 0x400n],
  ])
})

test('what the fence lacks rights for is said before, in the precheck, and when it is raised', async () => {
  const on = await server(18)
  await withRoles(on, ['owner', 'mover', 'app'], async ([owner = '', mover = '', app = '']) => {
    const pair = await precheckPair(on, 17)
    const { name } = pair.source
    const spec = { cutover: { fence: 'readOnly', validate: 'counts' } } as const
    assert.equal((await pair.check({ cutover: { ...spec.cutover, fence: 'none' } }))['fence'], undefined)
    assert.equal((await pair.check(spec))['fence']?.status, 'Passed')
    const session = await pair.session('source', mover)
    const fence = async () => check.run({ source: session, sourceRole: { name: mover, superuser: false } } as PrecheckContext)
    await pair.source.sql(`alter database ${name} owner to ${owner}`)
    assert.deepEqual([(await fence()).status, (await fence()).fix], ['Failed', `grant "${owner}" to "${mover}"`])
    await pair.source.sql(`grant ${owner} to ${mover}`)
    assert.deepEqual([(await fence()).status, (await fence()).fix], ['Failed', `grant pg_signal_backend to "${mover}"`])
    await pair.source.sql(`alter role ${app} set default_transaction_read_only = off`)
    assert.match((await fence()).fix, new RegExp(`alter role "${app}" reset default_transaction_read_only`))

    const by = { id: 'f'.repeat(16), namespaceId: NAMESPACE_ID, workflowId: 'w', firstRunId: 'r' }
    await installSourceSchema(session, by, never)
    const refused = (what: RegExp) => (error: unknown) =>
      error instanceof MigrationError && error.kind === 'InsufficientPrivilege' && what.test(error.message)
    await assert.rejects(raiseFence(session, by, { signal: never }), refused(new RegExp(`alter role "${app}" in database`)))
    assert.deepEqual(await readInstalled(session, by.id).then((all) => fenceStatements(session, all)), [])
    await pair.source.sql(`alter role ${app} reset default_transaction_read_only`)
    const open = await application(on.url(name, app))
    await assert.rejects(raiseFence(session, by, { signal: never }), refused(new RegExp(`process \\d+ of ${app}`)))
    await sql(on.url('postgres'), `grant pg_signal_backend to ${mover}`)
    const superuser = await application(pair.source.url)
    assert.deepEqual([(await fence()).status, (await fence()).objects.length], ['Warning', 1])
    await assert.rejects(raiseFence(session, by, { signal: never }), refused(/process \d+ of postgres/))
    assert.equal(open.ended, false, 'nothing is done by halves')
    await superuser.end()
    await eventually('the end of the session', 20, async () => (await fence()).status === 'Passed')
    assert.equal((await raiseFence(session, by, { signal: never })).ended, 1)
    await lowerFence(session, by.id, never)
    await session.close()
    await pair.source.drop()
  })
})
