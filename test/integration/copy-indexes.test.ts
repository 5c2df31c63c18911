import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildIndex, finishIndexes, indexJobs } from '../../src/copy/build-indexes.ts'
import { analyzeParents } from '../../src/copy/analyze-parents.ts'
import { checkCopied } from '../../src/copy/check-copied.ts'
import { checkIndexed } from '../../src/copy/check-indexed.ts'
import { planCopy } from '../../src/copy/plan-copy.ts'
import { splitConstraint } from '../../src/schema/split-constraint.ts'
import { writeEntries } from '../../src/schema/stored-entry.ts'
import type { StoredEntry } from '../../src/schema/stored-entry.ts'
import { readSelectedTables } from '../../src/source/selected-tables.ts'
import { readMigratedTables } from '../../src/state/migrated-table.ts'
import type { Database } from '../../src/postgres/connect.ts'
import { migrationFixture, WHOLE } from '../migration-fixture.ts'
import type { MigrationFixture } from '../migration-fixture.ts'
import { server } from '../servers.ts'

const never = new AbortController().signal
const TABLE = `create table public."T é" (id int not null, "a b" text, c int); create table public.other (id int)`
const DEFINITIONS: readonly (readonly [kind: string, name: string, definition: string, needs?: number])[] = [
  [
    'CONSTRAINT',
    'T é T_pkey',
    `ALTER TABLE ONLY public."T é"\n    ADD CONSTRAINT "T_pkey" PRIMARY KEY (id);\nALTER TABLE public."T é" CLUSTER ON "T_pkey";\n`,
  ],
  ['CONSTRAINT', 'T é once', `ALTER TABLE ONLY public."T é"\n    ADD CONSTRAINT once UNIQUE ("a b", c) DEFERRABLE INITIALLY DEFERRED;\n`],
  ['INDEX', 'T_c', `CREATE INDEX "T_c" ON public."T é" USING btree (c);\n`],
  ['COMMENT', 'CONSTRAINT once', `COMMENT ON CONSTRAINT once ON public."T é" IS 'kept';\n`, 2],
]

async function prepared(to: number) {
  const fixture = await migrationFixture(await server(13), await server(to), TABLE)
  await fixture.source.sql(`insert into "T é" values (1, 'x', 1)`)
  await fixture.target.sql(`insert into "T é" select i, 'x' || i, i % 10 from generate_series(1, 1000) i`)
  const [source, target] = [await fixture.session('source'), await fixture.session('target')]
  await planCopy({ target, id: fixture.id, tables: await readSelectedTables(source, WHOLE), full: true })
  const entries = DEFINITIONS.map(([kind, name, definition, needs], at): StoredEntry => ({
    ...{ ordinal: at, dumpId: at + 1, stage: 'index', kind, schema: 'public', name, definition, skipped: null },
    table: { schema: 'public', name: 'T é' },
    dependencies: needs === undefined ? [] : [needs],
  }))
  await writeEntries(target, fixture.id, entries)
  const tables = await readMigratedTables(target, fixture.id)
  const table = tables.find(({ sourceTable }) => sourceTable === 'T é')
  assert.ok(table)
  const state = () =>
    fixture.target.sql(
      `select c.relname as name, con.contype as type, con.condeferred as deferred, i.indisclustered as clustered, i.indisvalid as valid
         from pg_index i join pg_class c on c.oid = i.indexrelid left join pg_constraint con on con.conindid = c.oid
        where i.indrelid = '"T é"'::regclass order by c.relname::text collate "C"`,
    )
  return { fixture, target, table, tables, state, args: { target, id: fixture.id, signal: never } }
}

for (const to of [10, 18]) {
  test(`${to}: constraints are built as indexes beside the others, and attached at the end`, async () => {
    const { fixture, target, table, tables, state, args } = await prepared(to)
    const jobs = await indexJobs(target, fixture.id, table)
    assert.deepEqual(
      jobs.map(({ entry }) => entry),
      [1, 2, 3],
    )
    for (const { entry } of jobs) {
      await buildIndex(args, entry)
      await buildIndex(args, entry)
    }
    const built = await state()
    assert.deepEqual(
      built.map(({ name, type }) => [name, type]),
      [
        ['T_c', null],
        ['T_pkey', null],
        ['once', null],
      ],
    )
    await assert.rejects(checkIndexed(target, fixture.id), { kind: 'Internal', side: 'target', table: '"public"."T é"' })
    // Together with others, too: after a restart a table may no longer be alone.
    await finishIndexes(args, to === 18 ? tables : [table], true)
    await finishIndexes(args, [table], true)
    await checkIndexed(target, fixture.id)
    assert.deepEqual(await state(), [
      { name: 'T_c', type: null, deferred: null, clustered: 'f', valid: 't' },
      { name: 'T_pkey', type: 'p', deferred: 'f', clustered: 't', valid: 't' },
      { name: 'once', type: 'u', deferred: 't', clustered: 'f', valid: 't' },
    ])
    const [left] = await fixture.target.sql(
      `select count(*) as open, (select reltuples::int from pg_class where oid = '"T é"'::regclass) as analyzed,
              (select obj_description(oid, 'pg_constraint') from pg_constraint where conname = 'once') as comment
         from pgmove.entry where restored_at is null`,
    )
    assert.deepEqual(left, { open: '0', analyzed: '1000', comment: 'kept' })
    await missing(fixture, target)
  })
}

/** What is recorded as made, but is not in the catalogue any more, is refused. */
async function missing({ id, target: database }: MigrationFixture, target: Database): Promise<void> {
  const sql = (text: string) => database.sql(text)
  const definitions = [
    ['index "T_c"', 'drop index "T_c"', 'create index "T_c" on "T é" (c)'],
    ['constraint "once"', 'alter table "T é" drop constraint once', 'alter table "T é" add constraint once unique ("a b", c)'],
    ['index "T_c"', `update pg_index set indisvalid = false where indexrelid = '"T_c"'::regclass`, 'reindex index "T_c"'],
  ] as const
  for (const [name, removed, mended] of definitions) {
    await sql(removed)
    await assert.rejects(checkIndexed(target, id), (error: Error) => error.message.includes(`${name} of "public"."T é" was`))
    await sql(`update pgmove.migrated_table set left_out = 'x'`)
    await checkIndexed(target, id)
    await sql(`update pgmove.migrated_table set left_out = null`)
    await sql(mended)
    await checkIndexed(target, id)
  }
  const long = 'o'.repeat(63)
  await sql(`alter table "T é" rename constraint once to ${long}; update pgmove.entry set name = 'T é ${long}' where name = 'T é once'`)
  await checkIndexed(target, id)
}

test('rows that break a constraint are told of by its name, and it is made once they are mended', async () => {
  const { fixture, table, args, state } = await prepared(17)
  await fixture.target.sql(`insert into "T é" values (7, 'secret', 1)`)
  await buildIndex(args, 1)
  await assert.rejects(
    finishIndexes(args, [table], true),
    (error: Error) => /T_pkey/.test(error.message) && !/secret|\(7\)/.test(error.message),
  )
  await fixture.target.sql(`delete from "T é" where "a b" = 'secret'`)
  await finishIndexes(args, [table], true)
  assert.equal((await state()).length, 3)
})

test('an index that was dropped before it became the constraint is built again', async () => {
  const { fixture, table, args, state } = await prepared(17)
  await buildIndex(args, 1)
  await fixture.target.sql('drop index "T_pkey"')
  await finishIndexes(args, [table], true)
  assert.deepEqual(
    (await state()).map(({ type }) => type),
    [null, 'p', 'u'],
  )
})

test('the copy is not over while a table has no record of it, unless it is left out', async () => {
  const { fixture, target } = await prepared(17)
  await assert.rejects(checkCopied(target, fixture.id), { kind: 'Internal', side: 'target', table: '"public"."T é"' })
  for (const answer of ['copied_at = now()', `copied_at = null, left_out = 'x'`, `left_out = null, copy_again = 'x'`]) {
    await fixture.target.sql(`update pgmove.migrated_table set ${answer}`)
    await checkCopied(target, fixture.id)
  }
  await fixture.target.sql('update pgmove.migrated_table set copy_again = null')
  await assert.rejects(checkCopied(target, fixture.id), { kind: 'Internal' })
})

for (const to of [10, 17, 18]) {
  test(`${to}: partitioned tables and inheritance parents have statistics as a whole`, async () => {
    const schema = `create table whole (k int) partition by list (k); create table half partition of whole for values in (1) partition by list (k);
      create table leaf partition of half for values in (1); create table parent (k int); create table middle () inherits (parent);
      create table child () inherits (middle); create table alone (k int)`
    const fixture = await migrationFixture(await server(13), await server(to), schema)
    const [source, target] = [await fixture.session('source'), await fixture.session('target')]
    await planCopy({ target, id: fixture.id, tables: await readSelectedTables(source, WHOLE), full: true })
    await fixture.target.sql('insert into leaf select 1 from generate_series(1, 100); insert into child select generate_series(1, 100)')
    await analyzeParents(target, fixture.id, never)
    const analyzed = await fixture.target.sql(
      `select distinct tablename as name from pg_stats where schemaname = 'public' and inherited order by 1`,
    )
    assert.deepEqual(
      analyzed.map(({ name }) => name),
      ['half', 'middle', 'parent', 'whole'],
    )
  })
}

test('only what an index can be told is split', async () => {
  const split = (rest: string) => splitConstraint(`ALTER TABLE ONLY public.t ADD CONSTRAINT k ${rest};`)
  assert.equal(
    (await split('UNIQUE NULLS NOT DISTINCT (a) INCLUDE (b)'))?.index,
    `create unique index "k" on "public"."t" using btree ("a") include ("b") nulls not distinct`,
  )
  for (const rest of [
    'CHECK (a > 0)',
    'EXCLUDE USING gist (a WITH =)',
    `PRIMARY KEY (a) WITH (fillfactor='70')`,
    'PRIMARY KEY (a, b WITHOUT OVERLAPS)',
    'FOREIGN KEY (a) REFERENCES public.u(a)',
  ]) {
    assert.equal(await split(rest), undefined, rest)
  }
  assert.equal(await splitConstraint('CREATE INDEX i ON public.t USING btree (a);'), undefined)
  assert.equal(await splitConstraint('no statement'), undefined)
})
