import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cleanUpSource } from '../../src/clean-up/clean-up-source.ts'
import type { Rules } from '../../src/clean-up/verdict.ts'
import type { WorkflowState } from '../../src/clean-up/workflow-state.ts'
import { connectWalsender } from '../../src/source/source-identity.ts'
import { beat } from '../../src/source/heartbeat.ts'
import { prepareSource } from '../../src/source/prepare-source.ts'
import { readSelectedTables } from '../../src/source/selected-tables.ts'
import { fixtureOn, migrationFixture, NAMESPACE_ID, WHOLE } from '../migration-fixture.ts'
import type { MigrationFixture } from '../migration-fixture.ts'
import { database, eventually, server, sql } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'

const never = new AbortController().signal
const OTHER_NAMESPACE = '00000000-0000-4000-8000-000000000002'
const HOUR = 3_600_000
const TABLES = 'create table with_key (id int primary key); create table keyless (a int)'

async function prepare(fixture: MigrationFixture, namespaceId = NAMESPACE_ID): Promise<void> {
  const source = await fixture.session('source', 'prepare', { lockTimeoutMs: 2000 })
  const target = await fixture.session('target', 'prepare')
  const { sourceConnection, ref } = fixture
  const tables = await readSelectedTables(source, WHOLE)
  await prepareSource({ source, sourceConnection, target, ref, namespaceId, tables, signal: never })
  await beat(source, fixture.id)
  await source.close()
  await target.close()
}

/** Sets the heartbeat of a migration back, as if it had last moved so many hours ago. */
async function age(fixture: MigrationFixture, hours: number): Promise<void> {
  await fixture.source.sql(`update pgmove.dts_postgres_heartbeat set beat_at = clock_timestamp() - $2 * interval '1 hour' where id = $1`, [
    fixture.id,
    String(hours),
  ])
}

async function cleanUp(on: MigrationFixture, states: Record<string, WorkflowState>, rules: Partial<Rules> & { dryRun?: boolean } = {}) {
  const source = await on.session('source', 'test', { applicationName: 'pgmove clean-up', lockTimeoutMs: 2000 })
  const result = await cleanUpSource({
    ...{ source, label: 'the source', namespaceId: NAMESPACE_ID, dryRun: false, olderThanMs: 24 * HOUR, foreignToo: false, signal: never },
    workflowState: async ({ workflowId }) => states[workflowId] ?? 'unknown',
    fenceOf: async () => 'lift',
    ...rules,
  })
  await source.close()
  return { ...result, removedIds: result.removed.map(({ id }) => id), keptIds: result.kept.map(({ id }) => id) }
}

async function traces(source: TestDatabase): Promise<string[]> {
  const rows = await source.sql(`
    select 'schema ' || nspname::text as line from pg_namespace where nspname = 'pgmove'
    union all select 'publication ' || pubname from pg_publication
    union all select 'slot ' || slot_name from pg_replication_slots where database = current_database()
    union all select 'trigger ' || tgname from pg_trigger where not tgisinternal
    union all select 'full ' || relname from pg_class where relreplident = 'f' order by 1`)
  return rows.map(({ line }) => line ?? '')
}

const has = (lines: readonly string[], { id }: MigrationFixture): boolean => lines.some((line) => line.includes(id))

for (const major of [10, 13, 17]) {
  test(`${major}: only what is proven to be over is removed, and the last takes the schema with it`, async () => {
    const closed = await migrationFixture(await server(major), await server(17), TABLES)
    const { source, target } = closed
    const [open, lost, silent, foreign] = await Promise.all(Array.from({ length: 4 }, () => fixtureOn(source, target)))
    assert.ok(open && lost && silent && foreign)
    for (const fixture of [closed, open, lost, silent]) await prepare(fixture)
    await prepare(foreign, OTHER_NAMESPACE)
    await age(lost, 25)
    await age(silent, 23)
    await age(foreign, 1000)
    await age(open, 1000)
    const stray = `dts_sync_${'0123456789abcdef'.slice(0, 8)}${closed.id.slice(0, 8)}`
    await source.sql(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [stray])
    const before = await traces(source)
    const states = { [closed.ref.workflowId]: 'closed', [open.ref.workflowId]: 'open' } as const

    const dry = await cleanUp(open, states, { dryRun: true })
    assert.deepEqual(dry.removedIds.sort(), [closed.id, lost.id].sort())
    assert.deepEqual(await traces(source), before)

    const first = await cleanUp(open, states)
    assert.deepEqual(first.removedIds.sort(), [closed.id, lost.id].sort())
    assert.deepEqual(first.keptIds.sort(), [open.id, silent.id, foreign.id, stray.slice(-16)].sort())
    assert.equal(first.clean, false)
    const after = await traces(source)
    for (const fixture of [closed, lost]) assert.ok(!has(after, fixture), after.join('\n'))
    for (const fixture of [open, silent, foreign]) {
      for (const kind of ['slot', 'publication', ...(major === 10 ? ['trigger'] : [])]) {
        assert.ok(
          after.some((line) => line.startsWith(kind) && line.includes(fixture.id)),
          `${kind} of ${fixture.id}`,
        )
      }
    }
    assert.ok(after.includes('full keyless'), 'the others still need it')
    const kept = new Map(first.kept.map((one) => [one.id, one]))
    assert.match(kept.get(open.id)?.reason ?? '', /open/)
    assert.deepEqual(kept.get(open.id)?.statements, [])
    assert.match(kept.get(silent.id)?.reason ?? '', /23 h/)
    assert.match(kept.get(foreign.id)?.reason ?? '', new RegExp(OTHER_NAMESPACE))
    assert.match(kept.get(stray.slice(-16))?.reason ?? '', /never/)

    // With consent, but not one that has stood still for less, nor one that streams.
    assert.deepEqual((await cleanUp(open, states, { foreignToo: true, olderThanMs: 2000 * HOUR })).removedIds, [])
    const walsender = await connectWalsender(await open.session('source'), open.sourceConnection, 'somebody', never)
    const streaming = walsender.query(
      `START_REPLICATION SLOT dts_sync_${foreign.id} LOGICAL 0/0 (proto_version '1', publication_names 'pgmove_${foreign.id}')`,
    )
    streaming.catch(() => undefined)
    await eventually('the stream', 20, async () => {
      const [slot] = await source.sql(`select active from pg_replication_slots where slot_name = $1`, [`dts_sync_${foreign.id}`])
      return slot?.['active'] === 't'
    })
    const used = await cleanUp(open, states, { foreignToo: true })
    assert.deepEqual(used.removedIds, [])
    assert.match(used.kept.find(({ id }) => id === foreign.id)?.reason ?? '', /in use/)
    const [slot] = await source.sql(`select active from pg_replication_slots where slot_name = $1`, [`dts_sync_${foreign.id}`])
    assert.equal(slot?.['active'], 't', 'the stream was left alone')
    await walsender.close()
    await eventually('the end of the stream', 20, async () => {
      const [slot] = await source.sql(`select active from pg_replication_slots where slot_name = $1`, [`dts_sync_${foreign.id}`])
      return slot?.['active'] === 'f'
    })
    assert.deepEqual((await cleanUp(open, states, { foreignToo: true })).removedIds, [foreign.id])

    const last = await cleanUp(open, { [open.ref.workflowId]: 'closed', [silent.ref.workflowId]: 'closed' })
    assert.deepEqual(last.removedIds.sort(), [open.id, silent.id].sort())
    assert.equal(last.clean, true)
    assert.deepEqual(await traces(source), [`slot ${stray}`])
    assert.deepEqual((await cleanUp(open, {})).keptIds, [stray.slice(-16)])
  })
}

test('the statements that a person is given remove what another namespace has left, and nothing of the others', async () => {
  const foreign = await migrationFixture(await server(10), await server(17), TABLES)
  const open = await fixtureOn(foreign.source, foreign.target)
  await prepare(foreign, OTHER_NAMESPACE)
  await prepare(open)
  const states = { [open.ref.workflowId]: 'open' } as const
  const beside = (await cleanUp(open, states)).kept.find(({ id }) => id === foreign.id)
  for (const statement of beside?.statements ?? []) await sql(foreign.source.url, statement)
  const after = await traces(foreign.source)
  assert.ok(!has(after, foreign), after.join('\n'))
  assert.ok(has(after, open) && after.includes('full keyless') && after.includes('schema pgmove'))
  assert.deepEqual((await cleanUp(open, states)).keptIds, [open.id])

  // Alone, with the schema.
  await foreign.source.sql(`update pgmove.installed set namespace_id = $1`, [OTHER_NAMESPACE])
  const alone = (await cleanUp(open, states)).kept.find(({ id }) => id === open.id)
  for (const statement of alone?.statements ?? []) await sql(foreign.source.url, statement)
  assert.deepEqual(await traces(foreign.source), [])
})

test('a copy of the source database keeps its hands off the slot of the original', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), TABLES)
  await prepare(fixture)
  const copy = await database(await server(13))
  await copy.sql(`create schema pgmove; comment on schema pgmove is 'objects of migrations run by pgmove, format 1'`)
  for (const table of ['installed', 'dts_postgres_heartbeat']) {
    const [row] = await fixture.source.sql(`select json_agg(t)::text as rows from pgmove.${table} t`)
    const [first] = await fixture.source.sql(
      `select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum) as columns
         from pg_attribute where attrelid = 'pgmove.${table}'::regclass and attnum > 0`,
    )
    await copy.sql(`create table pgmove.${table} (${first?.['columns']})`)
    await copy.sql(`insert into pgmove.${table} select * from json_populate_recordset(null::pgmove.${table}, $1::json)`, [
      row?.['rows'] ?? '',
    ])
  }
  const on = await fixtureOn(copy, fixture.target)
  const states = { [fixture.ref.workflowId]: 'closed' } as const
  assert.deepEqual((await cleanUp(on, states)).removedIds, [fixture.id])
  assert.deepEqual(await traces(copy), [])
  assert.ok((await traces(fixture.source)).includes(`slot dts_sync_${fixture.id}`))
  assert.deepEqual((await cleanUp(fixture, states)).removedIds, [fixture.id])
  assert.deepEqual(await traces(fixture.source), [])
})

test('what stays locked is kept with its statement, and goes with a later run; a schema of that name that is not ours is left alone', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), TABLES)
  await prepare(fixture)
  // A role that may drop nothing: the things stay, and are named.
  const role = `janitor_${fixture.id}`
  await fixture.source.sql(`create role ${role} login replication; grant usage on schema pgmove to ${role};
    grant select, update, delete on all tables in schema pgmove to ${role}`)
  const weak = await fixtureOn({ ...fixture.source, url: fixture.source.url.replace('postgres@', `${role}@`) }, fixture.target)
  const states = { [fixture.ref.workflowId]: 'closed' } as const
  const kept = await cleanUp(weak, states)
  assert.deepEqual(kept.removedIds, [])
  const [one] = kept.kept
  assert.match(one?.reason ?? '', /publication/)
  assert.ok(
    one?.statements.some((statement) => statement.startsWith('drop publication')),
    one?.statements.join('; '),
  )
  assert.equal(kept.clean, false)
  assert.deepEqual((await cleanUp(fixture, states)).removedIds, [fixture.id])
  await fixture.source.sql(`drop owned by ${role}; drop role ${role}`)
  assert.deepEqual(await traces(fixture.source), [])

  await fixture.source.sql(`create schema pgmove; create table pgmove.installed (id text)`)
  assert.deepEqual(await cleanUp(fixture, states), { removed: [], kept: [], clean: true, removedIds: [], keptIds: [] })
  assert.deepEqual(await traces(fixture.source), ['schema pgmove'])
})
