import assert from 'node:assert/strict'
import test from 'node:test'
import { detachForeignKeys } from '../../src/copy/detach-foreign-keys.ts'
import { planCopy } from '../../src/copy/plan-copy.ts'
import { refreshMaterializedViews } from '../../src/cutover/refresh-materialized-views.ts'
import { putTargetBack, restoreTarget } from '../../src/cutover/restore-target.ts'
import { sequencesInScope } from '../../src/cutover/sequences-in-scope.ts'
import { setSequences } from '../../src/cutover/set-sequences.ts'
import { undoRestore } from '../../src/cutover/undo-restore.ts'
import { verifyDeferrableKeys } from '../../src/cutover/verify-deferrable-keys.ts'
import { verifyForeignKeys } from '../../src/cutover/verify-foreign-keys.ts'
import { MigrationError } from '../../src/errors/migration-error.ts'
import type { Database } from '../../src/postgres/connect.ts'
import { prepareTargetTables } from '../../src/schema/prepare-target-tables.ts'
import { readSelectedTables } from '../../src/source/selected-tables.ts'
import { readMigratedTables } from '../../src/state/migrated-table.ts'
import { changeObject, pendingChanges, restoreObject, restoreRound } from '../../src/state/object-change.ts'
import { compareRowCounts } from '../../src/validate/row-counts.ts'
import { migrationFixture, WHOLE } from '../migration-fixture.ts'
import { server } from '../servers.ts'

const signal = new AbortController().signal
const PAIRS = [
  [13, 17],
  [10, 18],
] as const

/** Both databases with the same objects, the tables of `schema` in the plan. */
async function planned(from: number, to: number, schema: string) {
  const fixture = await migrationFixture(await server(from), await server(to), schema)
  const [source, target] = [await fixture.session('source'), await fixture.session('target')]
  const { id } = fixture
  await planCopy({ target, id, tables: await readSelectedTables(source, WHOLE), full: true })
  return { ...fixture, from: fixture.source, to: fixture.target, source, target }
}

/** A ValidationFailed whose message names exactly these constraints. */
function naming(...names: string[]) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof MigrationError && error.kind === 'ValidationFailed')
    assert.ok(error.message.length < 1000)
    assert.deepEqual([...error.message.matchAll(/"([^"]+)" on /g)].map(([, name]) => name).sort(), names.sort())
    return true
  }
}

const SEQUENCES = `
  create schema other;
  create sequence other.used;
  create sequence other.idle;
  create table t (id serial primary key, i bigint generated always as identity, u bigint default nextval('other.used'));
  create sequence down increment -3 minvalue -1000 maxvalue -1 start -1;
  create sequence untouched start 42 minvalue 7;
  create sequence round minvalue 1 maxvalue 3 cycle;
  create sequence spent maxvalue 2;
  create sequence cached cache 20;
  create sequence "odd ""name""";
  create sequence big start 9007199254740993;
`
const NAMES = `unnest(array['public.t_id_seq', 'public.t_i_seq', 'other.used', 'other.idle', 'public.down', 'public.untouched', 'public.round', 'public.cached', 'public."odd ""name"""', 'public.big']) as name`

for (const [from, to] of PAIRS) {
  test(`${from} to ${to}: every sequence goes on where the source's stands`, async () => {
    const { source, target, from: one, to: other, id } = await planned(from, to, SEQUENCES)
    await one.sql(
      `insert into t default values; insert into t default values; select nextval('down'), nextval('down'), nextval('cached'), nextval('big'), nextval('odd "name"'::regclass)
      from generate_series(1, 2)`.replace(`'odd "name"'::regclass`, `'"odd ""name"""'`),
    )
    await one.sql(`select nextval('round') from generate_series(1, 4); select nextval('spent') from generate_series(1, 2)`)
    await other.sql(`select nextval('untouched'), nextval('down') from generate_series(1, 50); select setval('t_id_seq', 900)`)
    const first = await setSequences({ source, target, id, spec: WHOLE })
    assert.equal(first.values.length, 11)
    assert.deepEqual(first.moved, [])
    await setSequences({ source, target, id, spec: WHOLE })
    const next = `select name, nextval(name) as value from ${NAMES} order by 1`
    assert.deepEqual(await other.sql(next), await one.sql(next))
    await assert.rejects(other.sql(`select nextval('spent')`), /maximum value/)
    const [stored] = await other.sql(`select last_value, is_called from pgmove.sequence_value where id = '${id}' and name = 'untouched'`)
    assert.deepEqual(stored, { last_value: '42', is_called: 'f' })
  })
}

test('sequences in scope follow the tables and the schemas that are selected', async () => {
  const { source } = await planned(
    13,
    17,
    `${SEQUENCES} create table gone (id serial); create sequence shared; create table gone_too (a int default nextval('shared'));
     create table parted (a int, b bigserial) partition by range (a); create table other.leaf (a int not null, b bigserial); alter table parted attach partition other.leaf for values from (1) to (2)`,
  )
  const names = async (spec: Parameters<typeof sequencesInScope>[1]) =>
    (await sequencesInScope(source, spec)).map(({ schema, name }) => `${schema}.${name}`).sort()
  assert.deepEqual(await names({ objects: [{ schema: 'public', table: 't' }], exclude: [] }), [
    'other.used',
    'public.t_i_seq',
    'public.t_id_seq',
  ])
  assert.deepEqual(await names({ objects: [{ schema: 'public', table: 'parted' }], exclude: [] }), [
    'other.leaf_b_seq',
    'public.parted_b_seq',
  ])
  const some = await names({ objects: [{ schema: 'public' }], exclude: [{ schema: 'public', table: 'gone*' }] })
  assert.ok(
    !some.includes('public.gone_id_seq') && some.includes('public.shared') && !some.includes('other.idle') && some.includes('other.used'),
  )
})

test('a sequence that moves while it is copied is told, one that is missing is named', async () => {
  const { source, target, from: one, to: other, id } = await planned(13, 17, 'create table t (id serial primary key)')
  let reads = 0
  const moving = {
    version: source.version,
    query: async (text: string, values?: string[]) => {
      if (text.includes('last_value') && ++reads === 2) await one.sql(`select nextval('t_id_seq')`)
      return source.query(text, values)
    },
  } as unknown as Database
  assert.deepEqual((await setSequences({ source: moving, target, id, spec: WHOLE })).moved, ['"public"."t_id_seq"'])
  await other.sql('drop table t')
  await assert.rejects(
    setSequences({ source, target, id, spec: WHOLE }),
    (error: unknown) => error instanceof MigrationError && error.kind === 'SchemaMismatch',
  )
})

test('materialized views are refreshed after those that they read, and only where the source has them filled', async () => {
  const {
    source,
    target,
    to: other,
  } = await planned(
    13,
    17,
    `create table t (a int); create materialized view z_first as select a from t with no data; create view between as select a from z_first;
     create materialized view a_second as select sum(a) as total from between with no data; create materialized view empty as select 1 as x with no data`,
  )
  await source.query(`refresh materialized view public.z_first`)
  await source.query(`refresh materialized view public.a_second`)
  await other.sql('insert into t values (1), (2)')
  assert.equal(await refreshMaterializedViews({ source, target, signal }), 2)
  assert.deepEqual(await other.sql('select total from a_second'), [{ total: '3' }])
  await assert.rejects(other.sql('select * from empty'), /has not been populated/)
  await other.sql('insert into t values (3)')
  assert.equal(
    await refreshMaterializedViews({ source, target, signal, spec: { objects: null, exclude: [{ schema: '*', table: 'a_*' }] } }),
    1,
  )
  assert.deepEqual(await other.sql('select total from a_second'), [{ total: '3' }])
})

const KEYS = `
  create table parent (a int, b text, primary key (a, b));
  create table simple (a int, b text, constraint simple_fk foreign key (a, b) references parent);
  create table whole (a int, b text, constraint whole_fk foreign key (a, b) references parent match full);
  create table tree (id int primary key, up int constraint tree_fk references tree);
  create table late (a int, b text);
`
const PARTED = `
  create table parted (id int primary key, up int constraint parted_fk references tree) partition by range (id);
  create table parted_1 partition of parted for values from (1) to (100);
`

for (const [from, to] of PAIRS) {
  test(`${from} to ${to}: rows without the row that they refer to are found under every kind of foreign key`, async () => {
    const parted = from >= 13
    const fixture = await planned(from, to, parted ? KEYS + PARTED : KEYS)
    const { target, to: other, id } = fixture
    const beside = [await fixture.session('target', 'beside')]
    await other.sql(`create table outsider (id int constraint outsider_fk references tree);
      alter table late add constraint late_fk foreign key (a, b) references parent not valid`)
    await other.sql(`insert into parent values (1, 'x'); insert into simple values (1, 'x'), (null, 'y'), (7, null), (null, null);
      insert into whole values (1, 'x'), (null, null); insert into tree values (1, 1), (2, 1), (3, null)`)
    if (parted) await other.sql('insert into parted values (1, 1), (2, null)')
    const keys = parted ? 5 : 4
    assert.equal((await verifyForeignKeys({ target, id, signal })).keys, keys)
    const replica = 'set session_replication_role = replica; '
    const rows: [string, string][] = [
      [`insert into simple values (1, 'z')`, 'simple_fk'],
      [`insert into whole values (1, null)`, 'whole_fk'],
      [`insert into tree values (9, 8)`, 'tree_fk'],
      [`insert into outsider values (77)`, 'outsider_fk'],
      ...(parted ? [['insert into parted values (5, 66)', 'parted_fk'] as [string, string]] : []),
    ]
    for (const [insert, name] of rows) {
      await other.sql(replica + insert)
      await assert.rejects(verifyForeignKeys({ target, beside, id, signal }), naming(name))
      await other.sql(`${replica}delete from ${name.slice(0, -3)} where ctid = (select max(ctid) from ${name.slice(0, -3)})`)
    }
    await other.sql(`${replica}insert into late values (5, 'z')`)
    assert.equal((await verifyForeignKeys({ target, id, signal })).keys, keys, 'NOT VALID on the source too')
    await other.sql(`${replica}insert into tree select i, -i from generate_series(1000, 2500) i`)
    await assert.rejects(verifyForeignKeys({ target, id, signal }), /"tree_fk" on "public"\."tree" \(at least 1000 rows\)/)
  })
}

test('18: foreign keys over periods and keys that are not enforced', async () => {
  const {
    target,
    to: other,
    id,
  } = await planned(
    18,
    18,
    `create table rooms (id int4range, at daterange, primary key (id, at without overlaps));
     create table stays (id int4range, at daterange, constraint stays_fk foreign key (id, period at) references rooms (id, period at));
     create table loose (id int4range, at daterange, constraint loose_fk foreign key (id, period at) references rooms (id, period at) not enforced)`,
  )
  await other.sql(
    `insert into rooms values ('[1,2)', '[2020-01-01,2020-02-01)'), ('[1,2)', '[2020-02-01,2020-03-01)'); insert into stays values ('[1,2)', '[2020-01-15,2020-02-15)'), (null, null)`,
  )
  assert.equal((await verifyForeignKeys({ target, id, signal })).keys, 1)
  await other.sql(
    `set session_replication_role = replica; insert into stays values ('[1,2)', '[2020-02-15,2020-03-15)'), ('[3,4)', '[2020-02-15,2020-02-16)'); insert into loose values ('[8,9)', '[2020-01-01,2020-02-01)')`,
  )
  await assert.rejects(verifyForeignKeys({ target, id, signal }), naming('stays_fk'))
})

test('conflicting rows are found under deferrable keys', async () => {
  const {
    target,
    to: other,
    id,
  } = await planned(
    13,
    17,
    `create table k (a int constraint k_pk primary key deferrable, b text constraint k_b unique deferrable initially deferred,
       r int4range, constraint k_r exclude using gist (r with &&) deferrable, constraint k_x exclude using gist (r with &&) where (a > 100) deferrable)`,
  )
  await other.sql(`insert into k values (1, 'x', '[1,5)'), (2, null, '[5,9)'), (3, null, null), (4, 'y', null)`)
  assert.deepEqual(await verifyDeferrableKeys({ target, id, signal }), { keys: 3, unchecked: ['"k_x" on "public"."k"'] })
  for (const [values, name] of [
    [`(1, 'z', null)`, 'k_pk'],
    [`(5, 'x', null)`, 'k_b'],
    [`(5, 'z', '[4,6)')`, 'k_r'],
  ] as const) {
    await other.sql(`set session_replication_role = replica; insert into k values ${values}`)
    await assert.rejects(verifyDeferrableKeys({ target, id, signal }), naming(name))
    await other.sql(`delete from k where ctid = (select max(ctid) from k)`)
  }
  await verifyDeferrableKeys({ target, id, signal })
})

const ACTING = `
  create table log (line text);
  create function note() returns trigger language plpgsql as $$ begin insert into public.log values (tg_name); return null; end $$;
  create table t (id int generated always as identity primary key, a int);
  create trigger origin after insert on t for each row execute procedure note();
  create trigger always after insert on t for each row execute procedure note();
  create trigger replica after insert on t for each row execute procedure note();
  create trigger disabled after insert on t for each row execute procedure note();
  alter table t enable always trigger always; alter table t enable replica trigger replica; alter table t disable trigger disabled;
  create rule also as on update to t do also insert into log values ('rule');
  create rule always_also as on delete to t do also insert into log values ('rule');
  alter table t enable always rule always_also;
  alter table t enable row level security; alter table t force row level security; create policy p on t using (true);
  create table child (t int constraint child_fk references t on delete cascade, u int);
  insert into child (u) values (99);
  alter table child add constraint loose_fk foreign key (u) references t not valid;
`
const STATE = `
  select 'trigger' as kind, tgname::text as name, tgenabled::text as state from pg_trigger where not tgisinternal
  union all select 'rule', rulename, ev_enabled::text from pg_rewrite where rulename like '%also'
  union all select 'force', relname, relforcerowsecurity::text from pg_class where relname in ('t', 'child')
  union all select 'identity', attname, attidentity::text from pg_attribute where attrelid = 'public.t'::regclass and attnum = 1
  union all select 'key', conname, convalidated || ' ' || pg_get_constraintdef(oid) from pg_constraint where contype = 'f' order by 1, 2`

for (const [from, to] of PAIRS) {
  for (const replicaRole of [true, false]) {
    test(`${from} to ${to}, ${replicaRole ? 'with' : 'without'} replica role: what was switched off comes back exactly, in pieces too, and goes off again`, async () => {
      const { target, to: other, id } = await planned(from, to, ACTING)
      const before = await other.sql(STATE)
      await prepareTargetTables({ target, id, incremental: true, replicaRole })
      const off = await other.sql(STATE)
      assert.notDeepEqual(off, before)
      const stop = new AbortController()
      await assert.rejects(
        restoreTarget({ target, id, signal: stop.signal, onProgress: (done) => done === 2 && stop.abort(new Error('killed')) }),
        /killed/,
      )
      const [last] = await pendingChanges(target, id)
      const round = await restoreRound(target, id)
      await undoRestore({ target, id, signal })
      assert.deepEqual(await other.sql(STATE), off)
      // An attempt that nobody knows of any more switches nothing on behind replication's back.
      await assert.rejects(restoreObject(target, id, last ?? assert.fail(), round), /went back meanwhile/)
      assert.deepEqual(await other.sql(STATE), off)
      await restoreTarget({ target, id, signal })
      assert.deepEqual(await other.sql(STATE), before)
      await restoreTarget({ target, id, signal })
      assert.deepEqual(await other.sql(STATE), before)
      await undoRestore({ target, id, signal })
      await undoRestore({ target, id, signal })
      assert.deepEqual(await other.sql(STATE), off)
    })
  }
}

test('what comes into being with the cutover goes again with it, and comes once more', async () => {
  const { target, to: other, id } = await planned(13, 17, ACTING)
  await prepareTargetTables({ target, id, incremental: true })
  const off = await other.sql(STATE)
  const made = [
    {
      kind: 'trigger',
      object: '"public"."t" "late"',
      restore: 'create trigger late after insert on public.t for each row execute procedure public.note()',
    },
    {
      kind: 'rule',
      object: '"public"."t" "late_also"',
      restore: `create rule late_also as on update to public.t do also insert into public.log values ('late')`,
    },
  ]
  for (const change of made) await changeObject(target, id, { ...change, own: true }, 'select 1')
  await restoreTarget({ target, id, signal })
  const on = await other.sql(STATE)
  assert.equal(on.filter(({ name }) => name?.startsWith('late')).length, 2)
  await undoRestore({ target, id, signal })
  assert.deepEqual(await other.sql(STATE), off)
  await restoreTarget({ target, id, signal })
  assert.deepEqual(await other.sql(STATE), on)
})

test('after a cancel what pgmove did not make is put back; keys NOT VALID over half-copied rows, and what can not be is named', async () => {
  const { target, to: other, id } = await planned(13, 17, `${ACTING} ${PARTED.replaceAll('references tree', 'references t')}`)
  const before = await other.sql(STATE)
  await prepareTargetTables({ target, id, incremental: true, replicaRole: false })
  await changeObject(
    target,
    id,
    { kind: 'trigger', object: 'mine', own: true, restore: 'alter table "public"."log" enable trigger all' },
    'select 1',
  )
  await other.sql(`insert into child values (77, null); insert into parted values (1, 88)`)
  const left = await putTargetBack(target, id)
  assert.deepEqual(left.map(({ object }) => object).sort(), ['"public"."parted" "parted_fk"', 'mine'].sort())
  assert.match(left.find(({ object }) => object.includes('parted'))?.statement ?? '', /ADD CONSTRAINT "parted_fk"/i)
  const restored = before
    .filter(({ name }) => !name?.startsWith('parted'))
    .map((row) => (row['name'] === 'child_fk' ? { ...row, state: `${row['state']?.replace('true', 'false')} NOT VALID` } : row))
  assert.deepEqual(
    (await other.sql(STATE)).filter(({ name }) => !name?.startsWith('parted')),
    restored,
  )
  await other.sql('delete from parted')
  assert.deepEqual(
    (await putTargetBack(target, id)).map(({ object }) => object),
    ['mine'],
  )
})

test('a detached key comes back without a check after a cancel, with its comment', async () => {
  const {
    target,
    to: other,
    id,
  } = await planned(
    13,
    17,
    `create table p (a int primary key); create table c (a int constraint c_fk references p); comment on constraint c_fk on c is 'it''s; mine'`,
  )
  await detachForeignKeys({ target, id, schema: 'public', table: 'p', replicaRole: true })
  await other.sql('insert into c values (5)')
  assert.deepEqual(await putTargetBack(target, id), [])
  assert.deepEqual(
    await other.sql(`select convalidated as valid, obj_description(oid) as comment from pg_constraint where conname = 'c_fk'`),
    [{ valid: 'f', comment: `it's; mine` }],
  )
})

test('row counts: equal, then the tables that differ', async () => {
  const {
    source,
    target,
    from: one,
    to: other,
    id,
  } = await planned(
    13,
    17,
    `create table a (x int); create table b (x int); create table "c ""d" () inherits (a); insert into a values (1), (2); insert into "c ""d" values (3); ${PARTED.replace(' constraint parted_fk references tree', '')}`,
  )
  const tables = await readMigratedTables(target, id)
  assert.deepEqual(await compareRowCounts({ source, target, tables, signal }), { tables: 4, rows: '3', differing: [] })
  await one.sql('insert into b values (1)')
  await other.sql('delete from only a where x = 1; insert into "c ""d" values (4)')
  await other.sql('insert into parted values (4, 4)')
  const counts = await compareRowCounts({ source, target, tables, signal })
  assert.deepEqual([...counts.differing].sort(), ['"public"."a"', '"public"."b"', '"public"."c ""d"', '"public"."parted_1"'])
})
