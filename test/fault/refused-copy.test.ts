import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApplicationFailure } from '@temporalio/common'
import { compareTables } from '../../demo/compare-tables.ts'
import { withSession } from '../../demo/session.ts'
import { errorPolicy } from '../../src/errors/error-policy.ts'
import { testMigration } from '../migration-run.ts'
import { database, server } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'
import { copyActivities } from './copy-activities.ts'
import { LIMIT } from './fault-run.ts'
import { ownActivityWorker } from './own-activity-worker.ts'

interface Fault {
  readonly table: string
  /** Makes the target refuse the table or its indexes. */
  readonly spoil: (sides: Sides) => Promise<unknown>
  readonly mend: (sides: Sides) => Promise<unknown>
  readonly kind: string
  /** What the message names beside the table. */
  readonly says: RegExp
}

interface Sides {
  readonly source: TestDatabase
  readonly target: TestDatabase
}

async function pair(objects: string, types: readonly string[]) {
  const source = await database(await server(13))
  const target = await database(await server(17))
  await source.sql(objects)
  if (!types.includes('schema')) await target.sql(objects.replace(/insert into [^;]*;/g, ''))
  const migration = await testMigration({ source: source.url, target: target.url })
  await ownActivityWorker(migration)
  const activities = copyActivities(migration.client, migration.taskQueue, { types })
  await activities.prepare()
  return { source, target, activities }
}

/** The secret stands in every row that is refused. */
async function assertWaits(work: Promise<unknown>, { kind, table, says }: Omit<Fault, 'spoil' | 'mend'>): Promise<void> {
  const failure = await work.then(
    () => assert.fail(`nothing was said of ${table}`),
    (error: unknown) => error,
  )
  assert.ok(failure instanceof ApplicationFailure, String(failure))
  const { message, type, details, nonRetryable } = failure
  assert.equal(type, kind, message)
  assert.equal(errorPolicy(type ?? ''), 'wait')
  assert.ok(nonRetryable)
  assert.ok(message.length < 1024 && !/SECRET|424242/.test(message), message)
  assert.match(message, says)
  assert.ok(message.includes(table), `${table} is not named: ${message}`)
  assert.match(JSON.stringify(details), new RegExp(table), message)
}

async function assertEqual({ source, target }: Sides, tables: number): Promise<void> {
  const compared = await withSession(source.url, (there) => withSession(target.url, (here) => compareTables(there, here)))
  assert.deepEqual([compared.tables, compared.differences], [tables, []])
}

const RAISES = `create function picky(text) returns bool language plpgsql immutable as $$ begin if $1 like 'SECRET%' then raise exception 'no %', $1; end if; return true; end $$`

const REFUSED: readonly Fault[] = [
  {
    table: 'checked',
    spoil: ({ target }) => target.sql(`alter table checked add constraint low check (n < 424242)`),
    mend: ({ target }) => target.sql(`alter table checked drop constraint low`),
    kind: 'RejectedByTarget',
    says: /constraint low.*23514/,
  },
  {
    table: 'unchecked',
    spoil: ({ target }) => target.sql(`alter table unchecked add constraint low check (n < 424242) not valid`),
    mend: ({ target }) => target.sql(`alter table unchecked drop constraint low`),
    kind: 'RejectedByTarget',
    says: /constraint low.*23514/,
  },
  {
    table: 'narrow',
    spoil: ({ target }) => target.sql(`alter table narrow alter n type smallint`),
    mend: ({ target }) => target.sql(`alter table narrow alter n type int`),
    kind: 'RejectedByTarget',
    says: /a value was refused \(column n\).*22003/,
  },
  {
    table: 'short',
    spoil: ({ target }) => target.sql(`alter table short alter note type varchar(3)`),
    mend: ({ target }) => target.sql(`alter table short alter note type text`),
    kind: 'RejectedByTarget',
    says: /22001/,
  },
  {
    table: 'labelled',
    spoil: ({ target }) => target.sql(`create type mood as enum ('fine'); alter table labelled alter note type mood using note::mood`),
    mend: ({ target }) => target.sql(`alter table labelled alter note type text`),
    kind: 'RejectedByTarget',
    says: /22P02/,
  },
  {
    table: 'twice',
    spoil: ({ target }) => target.sql(`create unique index once on twice ((n % 2))`),
    mend: ({ target }) => target.sql(`drop index once`),
    kind: 'RejectedByTarget',
    says: /constraint once.*23505/,
  },
  {
    table: 'raising',
    spoil: ({ target }) => target.sql(`${RAISES}; alter table raising add check (picky(note))`),
    mend: ({ target }) => target.sql(`alter table raising drop constraint raising_note_check`),
    kind: 'RejectedByTarget',
    says: /function public\.picky\(text\) raised an error.*P0001/,
  },
  {
    table: 'lost_there',
    spoil: ({ target }) => target.sql(`alter table lost_there rename to elsewhere`),
    mend: ({ target }) => target.sql(`alter table elsewhere rename to lost_there`),
    kind: 'SchemaMismatch',
    says: /does not exist/,
  },
  {
    table: 'lost_here',
    spoil: ({ source }) => source.sql(`alter table lost_here rename to elsewhere`),
    mend: ({ source }) => source.sql(`alter table elsewhere rename to lost_here`),
    kind: 'UnsupportedDdl',
    says: /dropped, renamed or replaced/,
  },
  {
    table: 'grown',
    spoil: ({ source }) => source.sql(`alter table grown add more int default 7`),
    mend: ({ target }) => target.sql(`alter table grown add more int`),
    kind: 'UnsupportedDdl',
    says: /"more" is missing on the target/,
  },
  {
    table: 'swallowed',
    spoil: ({ target }) =>
      target.sql(`create function swallow() returns trigger language plpgsql as $$ begin return null; end $$;
        create trigger swallow before insert on swallowed for each row when (new.n = 424242) execute function swallow();
        alter table swallowed enable always trigger swallow`),
    mend: ({ target }) => target.sql(`drop trigger swallow on swallowed`),
    kind: 'RejectedByTarget',
    says: /of 51 rows sent, 50 were taken/,
  },
]

test(
  'what one table is refused for is said with its name, keeps no other table from its copy, and passes once it is mended',
  LIMIT,
  async () => {
    const objects = [...REFUSED.map(({ table }) => table), 'fine_1', 'fine_2']
      .map(
        (name) => `create table ${name} (n int, note text);
        insert into ${name} select i, 'SECRET ' || i from generate_series(1, 50) i union all select 424242, 'SECRET';`,
      )
      .join('')
    const sides = await pair(objects, ['full', 'incremental'])
    for (const { spoil } of REFUSED) await spoil(sides)
    // Rewritten and emptied while they wait for their copies: that is as good as before.
    await sides.source.sql(`alter table fine_1 alter n type bigint; truncate fine_2`)
    await sides.source.sql('vacuum full fine_1')
    await sides.source.sql(`insert into fine_2 values (1, 'after the truncate')`)
    for (const fault of REFUSED) {
      await sides.target.sql(
        `update pgmove.migrated_table set estimated_bytes = case when source_table = '${fault.table}' then 10000000 else 1 end where copied_at is null`,
      )
      await assertWaits(sides.activities.copy(), fault)
      const [open] = await sides.target.sql(`select count(*) as n from pgmove.migrated_table where copied_at is null`)
      assert.equal(open?.['n'], String(REFUSED.length - REFUSED.indexOf(fault)))
      await fault.mend(sides)
    }
    await sides.activities.copy()
    await assertEqual(sides, REFUSED.length + 2)
    const again = await sides.target.sql(
      `select source_table, attempts from pgmove.migrated_table where source_table like 'fine%' order by 1`,
    )
    assert.deepEqual(
      again.map(({ attempts }) => attempts),
      ['2', '2'],
    )
  },
)

/** Between the copy of the tables and their indexes; what the target's duplicates hold is the secret. */
const UNBUILDABLE: readonly Fault[] = [
  {
    table: 'planted',
    spoil: ({ target }) => target.sql(`insert into planted values (1, 'SECRET again')`),
    mend: ({ target }) => target.sql(`delete from planted where note = 'SECRET again'`),
    kind: 'RejectedByTarget',
    says: /planted_pkey.*23505/,
  },
  {
    table: 'overlapping',
    spoil: ({ target }) => target.sql(`insert into overlapping values ('[5,424242)')`),
    mend: ({ target }) => target.sql(`delete from overlapping where upper(span) = 424242`),
    kind: 'RejectedByTarget',
    says: /apart.*23P01/,
  },
  {
    table: 'computed',
    spoil: ({ target }) => target.sql(RAISES.replace('create', 'create or replace')),
    mend: ({ target }) => target.sql(PICKY.replace('create', 'create or replace')),
    kind: 'RejectedByTarget',
    says: /computed_picky.*function .*picky\(text\) raised an error.*P0001/,
  },
  {
    // The source's index has missed a row, and so its primary key holds twice.
    table: 'broken',
    spoil: () => Promise.resolve(),
    mend: ({ source, target }) =>
      Promise.all(
        [source, target].map((side) =>
          side.sql(`set enable_indexscan = off; set enable_bitmapscan = off; delete from broken where note = 'SECRET again'`),
        ),
      ),
    kind: 'RejectedByTarget',
    says: /broken_pkey.*23505/,
  },
  {
    table: 'gone',
    spoil: ({ target }) => target.sql('alter table gone rename to elsewhere'),
    mend: ({ target }) => target.sql('alter table elsewhere rename to gone'),
    kind: 'SchemaMismatch',
    says: /does not exist/,
  },
]
const PICKY = `create function picky(text) returns bool language plpgsql immutable as $$ begin return true; end $$`

test('an index that can not be built is said with its name and its table, and is built once that is mended', LIMIT, async () => {
  const sides = await pair(
    `${PICKY};
     create table planted (id int primary key, note text); insert into planted values (1, 'first');
     create table overlapping (span int4range, constraint apart exclude using gist (span with &&)); insert into overlapping values ('[1,10)');
     create table computed (note text); create index computed_picky on computed (picky(note)); insert into computed values ('SECRET');
     create table broken (id int primary key, note text); insert into broken values (1, 'first');
     update pg_index set indisready = false where indexrelid = 'broken_pkey'::regclass;
     insert into broken values (1, 'SECRET again');
     update pg_index set indisready = true where indexrelid = 'broken_pkey'::regclass;
     create table gone (id int primary key, note text unique)`,
    ['schema', 'full', 'incremental'],
  )
  const { activities, target } = sides
  const { groups } = await activities.run('planTables', {})
  for (const { group, jobs } of groups) await activities.run('copyGroup', { group, jobs })
  const [{ group }] = groups as [(typeof groups)[number]]
  for (const { spoil } of UNBUILDABLE) await spoil(sides)
  // Each keeps those behind it from being built, so they come in the order of the definitions.
  const open = new Map(UNBUILDABLE.map((fault) => [fault.table, fault]))
  while (open.size > 0) {
    const failure = await activities.run('buildIndexes', { group, entry: null }).catch((error: unknown) => error)
    assert.ok(failure instanceof ApplicationFailure, `nothing was said of ${[...open.keys()].join(', ')}`)
    const fault = [...open.values()].find(({ table }) => failure.message.includes(table))
    assert.ok(fault, failure.message)
    await assertWaits(Promise.reject(failure), fault)
    open.delete(fault.table)
    await fault.mend(sides)
  }
  await activities.run('buildIndexes', { group, entry: null })
  await activities.run('finishCopy', {})
  await assertEqual(sides, 5)
  const [indexes] = await target.sql(
    `select count(*) as n, count(*) filter (where indisvalid) as valid from pg_index where indrelid::regclass::text in ('planted', 'overlapping', 'computed', 'broken', 'gone')`,
  )
  assert.deepEqual(indexes, { n: '6', valid: '6' })
})

/** In chunks, of several pages each. */
const CUT: readonly Fault[] = [
  {
    table: 'cut_checked',
    spoil: ({ target }) => target.sql(`alter table cut_checked add constraint low check (n < 424242)`),
    mend: ({ target }) => target.sql(`alter table cut_checked drop constraint low`),
    kind: 'RejectedByTarget',
    says: /constraint low.*23514/,
  },
  {
    table: 'cut_lost',
    spoil: ({ target }) => target.sql(`alter table cut_lost rename to elsewhere_cut`),
    mend: ({ target }) => target.sql(`alter table elsewhere_cut rename to cut_lost`),
    kind: 'SchemaMismatch',
    says: /does not exist/,
  },
]

test('under one snapshot each refusal is said with its table, and the copy passes once all are mended', LIMIT, async () => {
  const fill = (name: string, rows: number, note: string) =>
    `insert into ${name} select i, 'SECRET ' || ${note} from generate_series(1, ${rows}) i union all select 424242, 'SECRET';`
  const objects = [
    ...[...REFUSED.map(({ table }) => table), 'fine_1', 'fine_2'].map(
      (name) => `create table ${name} (n int, note text); ${fill(name, 50, 'i')}`,
    ),
    ...CUT.map(
      ({ table }) =>
        `create table ${table} (n int primary key, note text) with (fillfactor = 10); ${fill(table, 9000, `repeat('x', 450)`)}`,
    ),
  ]
  const sides = await pair(objects.join(''), ['full'])
  // No changes are streamed that the column would be missing in.
  const faults = [...REFUSED.map((fault): Fault => (fault.table === 'grown' ? { ...fault, kind: 'SchemaMismatch' } : fault)), ...CUT]
  for (const { spoil } of faults) await spoil(sides)
  await sides.target.sql(`update pgmove.migrated_table set estimated_bytes = 40000000 where source_table like 'cut%'`)
  const open = new Map(faults.map((fault) => [fault.table, fault]))
  while (open.size > 0) {
    const failure = await sides.activities.copy().catch((error: unknown) => error)
    assert.ok(failure instanceof ApplicationFailure, `nothing was said of ${[...open.keys()].join(', ')}`)
    // The first table is what it speaks of; those that failed as well follow.
    const fault = open.get(/"public"\."(\w+)"/.exec(failure.message)?.[1] ?? '')
    assert.ok(fault, failure.message)
    await assertWaits(Promise.reject(failure), fault)
    open.delete(fault.table)
    await fault.mend(sides)
    if (open.size !== 3) continue
    // Between two attempts nothing is locked.
    await sides.source.sql(`alter table fine_1 alter n type bigint; truncate fine_2`)
    await sides.source.sql('vacuum full fine_1')
    await sides.source.sql(`insert into fine_2 values (1, 'after the truncate')`)
  }
  await sides.activities.copy()
  await assertEqual(sides, faults.length + 2)
  const [chunks] = await sides.target.sql(`select count(distinct source_table) as tables, count(*) > 3 as cut from pgmove.copy_chunk`)
  assert.deepEqual(chunks, { tables: '2', cut: 't' })
})

test(
  'under one snapshot an index that can not be built is said with its table, and the copy passes once that is mended',
  LIMIT,
  async () => {
    const unready = (name: string, ready: boolean) => `update pg_index set indisready = ${ready} where indexrelid = '${name}'::regclass;`
    const sides = await pair(
      `${PICKY};
     create table overlapping (span int4range, constraint apart exclude using gist (span with &&)); insert into overlapping values ('[1,10)');
     ${unready('apart', false)} insert into overlapping values ('[5,424242)'); ${unready('apart', true)}
     create table computed (note text); create index computed_picky on computed (picky(note)); insert into computed values ('SECRET');
     create table broken (id int primary key, note text); insert into broken values (1, 'first');
     ${unready('broken_pkey', false)} insert into broken values (1, 'SECRET again'); ${unready('broken_pkey', true)}
     create table twice (n int constraint once unique, note text); insert into twice values (1, 'first');
     ${unready('once', false)} insert into twice values (1, 'SECRET again'); ${unready('once', true)}`,
      ['schema', 'full'],
    )
    await sides.target.sql(RAISES.replace('create', 'create or replace'))
    const remove = (from: string, where: string): Fault['mend'] => {
      return ({ source }) => source.sql(`set enable_indexscan = off; set enable_bitmapscan = off; delete from ${from} where ${where}`)
    }
    const spoil = () => Promise.resolve()
    const again = `note = 'SECRET again'`
    const faults: readonly Fault[] = [
      { table: 'overlapping', spoil, mend: remove('overlapping', 'upper(span) = 424242'), kind: 'RejectedByTarget', says: /apart.*23P01/ },
      ...UNBUILDABLE.filter(({ table }) => table === 'computed'),
      { table: 'broken', spoil, mend: remove('broken', again), kind: 'RejectedByTarget', says: /broken_pkey.*23505/ },
      { table: 'twice', spoil, mend: remove('twice', again), kind: 'RejectedByTarget', says: /once.*23505/ },
    ]
    const open = new Map(faults.map((fault) => [fault.table, fault]))
    while (open.size > 0) {
      const failure = await sides.activities.copy().catch((error: unknown) => error)
      assert.ok(failure instanceof ApplicationFailure, `nothing was said of ${[...open.keys()].join(', ')}`)
      const fault = [...open.values()].find(({ table }) => failure.message.includes(table))
      assert.ok(fault, failure.message)
      await assertWaits(Promise.reject(failure), fault)
      open.delete(fault.table)
      await fault.mend(sides)
    }
    await sides.activities.copy()
    await assertEqual(sides, 4)
  },
)
