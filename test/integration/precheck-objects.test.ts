import assert from 'node:assert/strict'
import test from 'node:test'
import { wholeSchemas } from '../../src/precheck/check-newer-features.ts'
import { NEWER_FEATURES } from '../../src/precheck/newer-features.ts'
import { EXTENSION_TABLES } from '../extension-tables.ts'
import { precheckPair, SPEC } from '../precheck-run.ts'
import { uniqueName } from '../servers.ts'
import { zoo } from '../zoo/zoo.ts'

const SCHEMA = { types: ['schema' as const] }

test('18 to 13: what the older target can not have, whatever the words, is named before anything is created', async () => {
  const pair = await precheckPair(18, 13)
  await pair.source.sql(zoo(18))
  await pair.source.sql(`create table zoo.parted (k int, during daterange, exclude using gist (k with =, during with &&)) partition by range (k);
    create table zoo.part partition of zoo.parted for values from (0) to (10)`)
  const { newer_features: item, partitioned_exclusion: exclusion } = await pair.check(SCHEMA)
  assert.equal(item?.status, 'Failed')
  assert.match(item.fix, /PostgreSQL 13 can have/)
  assert.ok(item.objects.includes('zoo.atomic(integer,integer) (bodies of BEGIN ATOMIC or RETURN, since 14)'), item.objects.join('\n'))
  assert.deepEqual([exclusion?.status, exclusion?.objects], ['Failed', ['parted_k_during_excl on zoo.parted']])
  // Selected tables only, and nothing that needs a whole schema.
  const few = await pair.check({ ...SCHEMA, objects: [{ schema: 'zoo', table: 'virtual' }] })
  assert.deepEqual(few['newer_features']?.objects, ['zoo.virtual.v (virtual generated columns, since 18)', 'zoo.virtual.w (virtual generated columns, since 18)'])
  const none = await pair.check({ ...SCHEMA, objects: [{ schema: 'zoo', table: 'keeps' }] })
  assert.equal(none['newer_features']?.status, 'Passed')

  // Every feature is found by its query, and every query is one that the server which has the feature first can run.
  const session = await pair.session('source')
  const [tables] = await pair.source.sql(`select array_agg(oid)::text as list from pg_class where relkind in ('r', 'p') and relnamespace = 'zoo'::regnamespace`)
  const values = [tables!['list']!, wholeSchemas({ schemas: ['zoo'], spec: SPEC })]
  for (const { name, query } of NEWER_FEATURES) assert.notEqual((await session.query(query, values)).length, 0, name)
  for (const major of [11, 12, 13, 14, 15, 16, 17]) {
    const older = await (await precheckPair(major, 10)).session('source')
    for (const { since, query } of NEWER_FEATURES) if (since <= major * 10_000) await older.query(query, ['{}', '{public}'])
  }
}) // prettier-ignore

test('a target without the software that objects need: each item names them and what to install', async () => {
  const pair = await precheckPair(18, 17)
  const space = uniqueName('space')
  await pair.source.sql(`
    create function public.of_library() returns language_handler language c as '$libdir/plpgsql', 'plpgsql_call_handler';
    create function public.of_server() returns language_handler language c as '$libdir/plpgsql', 'plpgsql_call_handler';
    update pg_proc set probin = '$libdir/no_such_library' where proname = 'of_library';
    create language old_language handler plpgsql_call_handler;
    create function public.spoken() returns int language old_language as '';
    create collation public.strange (provider = libc, locale = 'C');
    create table public.sorted (a text collate "de-x-icu", b int);
    create access method heap2 type table handler heap_tableam_handler;
    create operator family public.family using btree;
    create extension hstore;
    create table public.free (h hstore, v text collate "C")`)
  const owner = await pair.session('source')
  await owner.query('set allow_in_place_tablespaces = on')
  await owner.query(`create tablespace ${space} location ''`)
  await owner.query(`create index sorted_b on public.sorted (b) tablespace ${space}`)
  await pair.target.sql('drop collation pg_catalog."de-x-icu"')
  const items = await pair.check(SCHEMA)
  const found = (name: string) => [items[name]?.status, ...(items[name]?.objects ?? [])]
  assert.deepEqual(found('c_functions'), ['Failed', 'public.of_library() in "$libdir/no_such_library"'])
  assert.deepEqual(found('languages'), ['Failed', '"old_language" of 1 functions'])
  assert.deepEqual(found('collations'), ['Failed', '"de-x-icu": column a of table public.sorted'])
  assert.deepEqual(found('tablespaces'), ['Warning', `"${space}" of 1 relations`])
  assert.deepEqual(found('superuser_objects'), [undefined])

  const role = uniqueName('plain')
  await pair.target.sql(`create role ${role} login; create operator family public.family using btree`)
  try {
    const plain = await pair.check(SCHEMA, { target: role })
    assert.equal(plain['superuser_objects']?.status, 'Failed')
    const missing = ['access method heap2', 'c function public.of_library()', 'c function public.of_server()', 'old_language function public.spoken()']
    assert.deepEqual(plain['superuser_objects'].objects, missing)
    assert.equal(plain['c_functions']?.status, 'Warning')
    const few = await pair.check({ ...SCHEMA, objects: [{ schema: 'public', table: 'free' }] }, { target: role })
    for (const name of ['superuser_objects', 'c_functions', 'languages', 'collations', 'tablespaces', 'newer_features']) {
      assert.ok([undefined, 'Passed'].includes(few[name]?.status), name)
    }
  } finally {
    await pair.target.sql(`drop role ${role}`)
    await pair.source.sql('drop index public.sorted_b')
    await owner.query(`drop tablespace ${space}`)
  }
}) // prettier-ignore

test('rows of the user in tables of extensions are a warning', async () => {
  const pair = await precheckPair(13, 17)
  const state = async (source?: string) => {
    const { extension_rows: item } = await pair.check({}, source === undefined ? {} : { source })
    return [item?.status, item?.found, item?.objects]
  }
  assert.deepEqual(await state(), ['Passed', 'none does', []])
  await pair.source.sql(EXTENSION_TABLES)
  assert.deepEqual(await state(), ['Warning', '1 hold rows of their own', ['"public"."settings" of "hstore"']])
  const reader = uniqueName('reader')
  await pair.source.sql(`create role ${reader} login; grant select on public.built_in to ${reader}`)
  assert.deepEqual(await state(reader), ['Warning', "1 can't be read by this role", ['"public"."settings" of "hstore"']])
})
