import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { MigrationError } from '../../src/errors/migration-error.ts'
import { compareLargeObjects } from '../../src/large-objects/compare-large-objects.ts'
import { PIECE } from '../../src/large-objects/contents.ts'
import { selectsLargeObjects } from '../../src/large-objects/selects-large-objects.ts'
import { syncLargeObjects } from '../../src/large-objects/sync-large-objects.ts'
import type { SyncOptions } from '../../src/large-objects/sync-large-objects.ts'
import { NameMap } from '../../src/mapping/name-map.ts'
import { restoreAccess } from '../../src/roles/restore-access.ts'
import { fixtureOn, migrationFixture } from '../migration-fixture.ts'
import type { MigrationFixture } from '../migration-fixture.ts'
import { server, sql, uniqueName } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'

const never = new AbortController().signal
const PAIRS = [
  [10, 18],
  [13, 17],
  [18, 13],
] as const
const MAJORS = [10, 13, 17, 18]
const [OWNER, READER, GONE, MOVER] = ['owner', 'reader', 'gone', 'mover'].map((name) => uniqueName(name)) as [
  string,
  string,
  string,
  string,
]

before(async () => {
  for (const major of MAJORS) {
    const on = (await server(major)).url('postgres')
    for (const role of [OWNER, READER, MOVER]) await sql(on, `create role "${role}" login`)
  }
})
after(async () => {
  for (const major of MAJORS) {
    const on = (await server(major)).url('postgres')
    for (const role of [OWNER, READER, GONE, MOVER]) await sql(on, `drop role if exists "${role}"`).catch(() => undefined)
  }
})

/** Everything that there is to know of large objects, owners and rights apart. */
async function contents(database: TestDatabase): Promise<unknown> {
  return database.sql(
    `select m.oid, s.bytes, md5(case when s.bytes < 30000000 then lo_get(m.oid) end) as digest, lo_get(m.oid, greatest(s.bytes - 5, 0), 5) as tail,
            obj_description(m.oid, 'pg_largeobject') as comment
       from pg_largeobject_metadata m cross join lateral (select lo_lseek64(lo_open(m.oid, 262144), 0, 2) as bytes) s order by 1`,
  )
}

async function access(database: TestDatabase): Promise<unknown> {
  return database.sql(
    `select m.oid, pg_get_userbyid(lomowner) as owner,
            array(select concat_ws(' ', pg_get_userbyid(grantor), case when grantee <> 0 then pg_get_userbyid(grantee) end, privilege_type, is_grantable)
                    from aclexplode(lomacl) order by 1) as acl
       from pg_largeobject_metadata m order by 1`,
  )
}

async function sync(fixture: MigrationFixture, more: Partial<SyncOptions> = {}) {
  const source = await fixture.session('source', 'large objects')
  const target = await fixture.session('target', 'large objects')
  const { id } = fixture
  const roles = { map: {}, grants: 'keep' } as const
  return syncLargeObjects({ source, target, id, existing: 'refuse', roles, mode: 'copy', withinSnapshot: false, signal: never, ...more })
}

const SAMPLE = `
select lo_from_bytea(100, ''), lo_from_bytea(101, '\\x00ff5c27'), lo_from_bytea(4000000000, convert_to(repeat('x', 3000), 'UTF8'));
select lo_from_bytea(n::oid, decode(md5(n::text), 'hex')) from generate_series(1000, 2200) n;
comment on large object 101 is 'it''s a \\ comment'; comment on large object 1001 is 'old';
select lo_from_bytea(200, decode(repeat('00112233445566778899aabbccddeeff', 200000), 'hex'));
select lo_create(201); select lo_put(201, 50000000, '\\x01'); select lo_create(202); select lo_put(202, 0, '\\xaa');
select lo_truncate64(lo_open(202, x'60000'::int), 5000000)`

for (const [from, to] of PAIRS) {
  test(`large objects are copied from ${from} to ${to}, and brought up to date`, async () => {
    const fixture = await migrationFixture(await server(from), await server(to), '')
    const { source, target } = fixture
    await source.sql(SAMPLE)
    await source.sql(`create role "${GONE}"`)
    await source.sql(`alter large object 1000 owner to "${OWNER}"; alter large object 1001 owner to "${GONE}";
      grant select on large object 1000 to "${READER}" with grant option; grant update on large object 1000 to public;
      grant select on large object 200 to "${GONE}"; set role "${READER}"; grant select on large object 1000 to "${OWNER}", "${MOVER}"; reset role;
      revoke update on large object 1002 from postgres`)
    // What a limit holds back is not written: the target never has more than has passed the gate, in pieces of at most 1 MB.
    // But for a page of 2 kB of each of the three big ones: their size is set first.
    const sizes = 3 * 2048
    let passed = 0
    let pieces = 0
    const held = async () => Number((await target.sql('select coalesce(sum(length(data)), 0) as n from pg_largeobject'))[0]?.['n'])
    const gate = async (bytes: number) => {
      assert.ok(bytes <= 1 << 20, `a piece has ${bytes} bytes`)
      // The first ones are enough: to count takes longer than to copy.
      const written = pieces++ < 8 ? await held() : 0
      assert.ok(written <= passed + sizes, `${written} bytes were written, ${passed} had passed`)
      passed += bytes
    }
    const first = await sync(fixture, { gate })
    assert.deepEqual(first, { objects: 1207, written: 1207, removed: 0 })
    assert.ok((await held()) > 3_000_000 && (await held()) <= passed + sizes)
    assert.deepEqual(await contents(target), await contents(source))
    assert.deepEqual(await sync(fixture), { objects: 1207, written: 0, removed: 0 })

    await source.sql(`select lo_unlink(101), lo_unlink(2200), lo_unlink(4000000000), lo_put(1500, 3, '\\x00'), lo_put(200, 3000000, '\\x77'), lo_create(5000);
      select lo_truncate64(lo_open(202, x'60000'::int), 3); comment on large object 1001 is null; comment on large object 1002 is 'new'`)
    // What an operator did on the target is set right.
    await target.sql(`select lo_put(1600, 0, '\\x0000'), lo_unlink(1700), lo_from_bytea(7, 'not pgmove''s')`)
    const last = await sync(fixture, { mode: 'final' })
    assert.deepEqual(last, { objects: 1205, written: 6, removed: 3 })
    assert.deepEqual(await sync(fixture, { mode: 'final' }), { objects: 1205, written: 0, removed: 0 })
    const session = { source: await fixture.session('source', 'compare'), target: await fixture.session('target', 'compare') }
    assert.deepEqual(await compareLargeObjects({ ...session, id: fixture.id, signal: never }), { objects: 1205, differing: [] })
    await target.sql('select lo_unlink(7)')
    assert.deepEqual(await contents(target), await contents(source))

    await restoreAccess({ target: session.target, id: fixture.id, signal: never })
    await source.sql(`alter large object 1001 owner to postgres; revoke all on large object 200 from "${GONE}"`)
    await target.sql('grant all on large object 200 to postgres')
    assert.deepEqual(await access(target), await access(source))
    const notes = await target.sql(`select object from pgmove.note where kind = 'skipped' order by 1`)
    assert.deepEqual(
      notes.map(({ object }) => object),
      [`grants to "${GONE}"`, `owner "${GONE}"`],
    )
    await source.sql(`drop owned by "${GONE}"; drop role "${GONE}"`)
    await target.sql("select lo_unlink(1800), lo_put(1900, 16, '\\x00')")
    const compared = await compareLargeObjects({ ...session, id: fixture.id, signal: never })
    assert.deepEqual(compared.differing, ['large object 1800', 'large object 1900'])
  })
}

test('an attempt that ends anywhere is followed by one that passes over what is whole', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), '')
  const { source, target } = fixture
  await source.sql(SAMPLE)
  for (let steps = 0; steps < 3; steps++) {
    let left = steps
    const stop = () => {
      if (left-- === 0) throw new Error('killed')
    }
    await assert.rejects(sync(fixture, { onStep: stop }), /killed/)
  }
  // In the middle of the biggest.
  let pieces = 0
  const gate = (bytes: number) => {
    if (bytes === PIECE && ++pieces === 3) throw new Error('killed')
    return undefined
  }
  await target.sql('select lo_unlink(200); delete from pgmove.large_object where large_object = 200')
  await assert.rejects(sync(fixture, { gate }), /killed/)
  let bytes = 0
  await sync(fixture, { onProgress: (_, more) => (bytes += more) })
  assert.ok(bytes < 3_200_000, `${bytes}`)
  assert.deepEqual(await contents(target), await contents(source))
})

test('what stands on the target under an OID of the source is kept if it is equal, refused if not, or replaced', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), '')
  const { source, target } = fixture
  await source.sql(SAMPLE)
  await target.sql(`select lo_from_bytea(101, '\\x00ff5c27'), lo_from_bytea(102, 'own'), lo_from_bytea(1000, 'other');
    select lo_from_bytea(200, decode(repeat('00112233445566778899aabbccddeeff', 200000), 'hex')); alter large object 101 owner to "${OWNER}"`)
  const isTaken = (error: unknown) =>
    error instanceof MigrationError && error.kind === 'RejectedByTarget' && error.message.includes('large object 1000 exists')
  await assert.rejects(sync(fixture), isTaken)
  await sync(fixture, { existing: 'replace' })
  assert.deepEqual(await target.sql('select lo_unlink(102)'), [{ lo_unlink: '1' }])
  assert.deepEqual(await contents(target), await contents(source))

  // What a run that failed has made belongs to the next one; what a completed one has made does not.
  for (const [outcome, removed] of [
    ['failed', 1],
    ['completed', 0],
  ] as const) {
    const oid = 1100 + removed
    await target.sql(`update pgmove.migration set outcome = '${outcome}'`)
    const next = await fixtureOn(source, target)
    await sync(next)
    await source.sql(`select lo_unlink(${oid})`)
    assert.equal((await sync(next, { mode: 'final' })).removed, removed)
  }
})

test('large objects go along with everything, or with a column that can hold their OIDs', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), '')
  await fixture.source.sql(
    `create table plain (a int); create domain lo as oid; create domain lo2 as lo; create table document (id int, content lo2)`,
  )
  const source = await fixture.session('source', 'selects')
  const selects = (table: string) => selectsLargeObjects(source, { objects: [{ schema: 'public', table }], exclude: [] }, new NameMap())
  assert.equal(await selectsLargeObjects(source, { objects: null, exclude: [] }, new NameMap()), true)
  assert.equal(await selects('plain'), false)
  assert.equal(await selects('document'), true)
})

test('a role without rights is told the statement', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), '')
  await fixture.source.sql(`select lo_create(300)`)
  const source = await fixture.session('source', 'closed')
  await source.query(`set role "${MOVER}"`)
  await assert.rejects(sync(fixture, { source }), (error: unknown) => {
    return (
      error instanceof MigrationError &&
      error.kind === 'InsufficientPrivilege' &&
      (error.hint ?? '').includes('grant select on large object')
    )
  })
})
