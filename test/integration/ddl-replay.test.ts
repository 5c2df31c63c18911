import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pruneDdlLog } from '../../src/source/prune-ddl-log.ts'
import { releaseSource } from '../../src/source/release-source.ts'
import { eventually } from '../servers.ts'
import { capturing } from './ddl-rig.ts'

const SCHEMA = `create table item (id int primary key, name text, note varchar(10) not null default 'n'); create table log (line text); alter table log replica identity full;
create table twin (id int primary key, a int)`

const COLUMNS = `select c.relname, a.attname, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull, pg_get_expr(d.adbin, d.adrelid) as expression
   from pg_attribute a join pg_class c on c.oid = a.attrelid left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped order by 1, a.attnum`

for (const [from, to] of [
  [10, 18],
  [13, 17],
] as const) {
  test(`column changes stand in the stream between the rows around them; ${from} to ${to}`, async () => {
    const run = await capturing({ from, to, schema: SCHEMA })
    await run.source.sql(`insert into item select i, 'row ' || i from generate_series(1, 20) i; insert into log values ('a'), ('a')`)
    // DDL and rows in one transaction, several statements in one query.
    await run.source
      .sql(`begin; insert into item values (30, 'before'); alter table item add qty int; update item set qty = id where id < 5;
      alter table item rename qty to quantity; insert into item values (31, 'x', 'y', 7); update item set quantity = 0 where id = 31; commit`)
    // Before 11 now() rewrites the table, so that its values are nowhere in the catalogue.
    const at = from < 11 ? `'2020-01-01'` : 'now()'
    await run.source.sql(`do $$ begin alter table log add at timestamptz default ${at}, add level int not null default 3;
      insert into log values ('b', '2020-01-01', 1); alter table log alter level drop not null; end $$`)
    await run.source.sql(`update log set line = 'c' where line = 'b'; delete from log where ctid = (select ctid from log limit 1)`)
    await run.source.sql('begin; alter table item add gone int; insert into item (id, gone) values (99, 1); rollback')
    await run.source.sql(`alter table item drop name, add name bigint; update item set name = id * 2 where id > 10`)
    await run.source.sql(`alter table item alter note type varchar(40), alter note set default 'longer'`)
    await run.source.sql(`insert into item (id, note) values (40, 'more than ten characters')`)
    await run.source.sql(
      'create temp table beside (a int); create index on item (name); comment on column item.name is $$x$$; alter table beside add b int',
    )
    await run.drain({ limits: { changes: 3, bytes: 1000 } })
    await run.equal()
    assert.deepEqual(await run.target.sql(COLUMNS), await run.source.sql(COLUMNS))
  })
}

for (const [from, to] of [
  [10, 18],
  [13, 17],
] as const) {
  test(`tables are made, renamed, moved and dropped, with their rows around; ${from} to ${to}`, async () => {
    const run = await capturing({ from, to, schema: SCHEMA }, { objects: null, exclude: [{ schema: 'public', table: 'tmp_*' }] })
    const steps = [
      `insert into item select i, 'row ' || i from generate_series(1, 20) i; insert into twin values (1, 1)`,
      // A key, a sequence, an identity, defaults, checks, an index and a foreign key; rows in the same transaction and after it.
      `begin; create table part (id serial primary key, of int references item, code varchar(5) unique check (code <> ''), at timestamptz not null default now(),
         tags text[] default '{a,b}', n numeric(10,2) collate "C"); insert into part (of, code) values (1, 'a'), (2, 'b'); update part set code = 'c' where id = 2; commit`.replace(
        ' collate "C"',
        '',
      ),
      `insert into part (of) select 3 from generate_series(1, 3); delete from part where id = 1`,
      `create table always (id bigint generated always as identity (start with 5 increment by 5), t text collate "C"); insert into always (t) values ('x'), ('y')`,
      `update always set t = 'z' where t = 'x'; delete from always where t = 'y'`,
      // Without a key: rows are told apart by all of them.
      `do $$ begin create table loose (a int, b text); insert into loose values (1, 'a'), (1, 'a'), (2, null); update loose set b = 'c' where a = 2; end $$`,
      `delete from loose where ctid = (select min(ctid::text)::tid from loose)`,
      `alter table loose add c int default 4; insert into loose values (3, 'd', 5)`,
      'create index on loose (a); create unlogged table tmp_u (a int); create table tmp_x (a int); insert into tmp_x values (1)',
      // Names are traded within a transaction.
      `begin; update twin set a = 5; alter table twin rename to between; alter table loose rename to twin; alter table between rename to loose; insert into twin values (7, 'swapped', 1);
         insert into loose values (8, 8); commit`,
      `create schema shop; alter table part set schema shop; insert into shop.part (of) values (4); alter table shop.part rename to parts; insert into shop.parts (of) values (5)`,
      `begin; create table gone (a int primary key); insert into gone values (1); rollback`,
      `create table brief (a int primary key); insert into brief values (1); drop table brief`,
      `begin; insert into log values ('last'); drop table log; create table log (id int primary key, line text); insert into log values (1, 'new'); commit`,
      'truncate always; insert into always (t) values ($$after$$)',
    ]
    for (const step of steps.flatMap((text) => (/^(begin|do)/.test(text) ? [text] : text.split('; ')))) await run.source.sql(step)
    await run.drain()
    assert.deepEqual([...run.tables.keys()].sort(), [
      'public\0always',
      'public\0item',
      'public\0log',
      'public\0loose',
      'public\0twin',
      'shop\0parts',
    ])
    await run.equal()
    for (const query of [COLUMNS, PARTS]) {
      const everywhere = query.replaceAll(`= 'public'::regnamespace`, `in ('public'::regnamespace, 'shop'::regnamespace)`)
      const ours = (rows: Record<string, string | null>[]) =>
        rows.filter(({ relname, definition }) => !relname?.startsWith('tmp_') && !definition?.includes('FOREIGN KEY'))
      assert.deepEqual(ours(await run.target.sql(everywhere)), ours(await run.source.sql(everywhere)))
    }
    const owned = `select c.oid::regclass::text, d.refobjid::regclass::text as owner, q.seqincrement, q.seqstart from pg_sequence q join pg_class c on c.oid = q.seqrelid
        left join pg_depend d on d.objid = c.oid and d.deptype in ('a', 'i') and d.refobjsubid > 0 where c.relnamespace::regnamespace::text in ('public', 'shop') order by 1`
    assert.deepEqual(await run.target.sql(owned), await run.source.sql(owned))
    const pending = await run.target.sql('select kind, object, restore from pgmove.object_change where restored_at is null order by 1, 2')
    assert.deepEqual(
      pending.map(({ kind, object, restore }) => `${kind!}: ${object!}: ${restore!}`),
      [
        `foreign_key: "shop"."parts" "part_of_fkey": alter table "shop"."parts" add constraint "part_of_fkey" FOREIGN KEY (of) REFERENCES public.item(id)`,
        `identity: "public"."always" "id": alter table "public"."always" alter column "id" set generated always`,
      ],
    )
  })
}

const PARTS = `select c.relname, pg_get_indexdef(i.indexrelid) as definition from pg_index i join pg_class c on c.oid = i.indrelid where c.relnamespace = 'public'::regnamespace
   union all select c.relname, conname || ' ' || pg_get_constraintdef(k.oid) from pg_constraint k join pg_class c on c.oid = k.conrelid where c.relnamespace = 'public'::regnamespace and contype <> 'n'
   union all select typname, string_agg(enumlabel, ',' order by enumsortorder) from pg_enum e join pg_type t on t.oid = e.enumtypid group by 1 order by 1, 2`

const OBJECTS = `select 'view' as what, c.relname as name, replace(pg_get_viewdef(c.oid), 'item.', '') || coalesce(obj_description(c.oid), '') as definition from pg_class c where relnamespace = 'public'::regnamespace and relkind in ('v', 'm')
   union all select 'function', proname, prosrc || pg_get_function_arguments(oid) || pg_get_function_result(oid) || provolatile::text || coalesce(obj_description(oid), '') from pg_proc where pronamespace = 'public'::regnamespace
   union all select 'type', typname, typtype::text || coalesce(format_type(typbasetype, typtypmod), '') || coalesce(typdefault, '') || coalesce((select string_agg(attname || format_type(atttypid, atttypmod), ',' order by attnum) from pg_attribute where attrelid = typrelid and typtype = 'c'), '')
       || coalesce((select string_agg(enumlabel, ',' order by enumsortorder) from pg_enum where enumtypid = t.oid), '') from pg_type t
     where typnamespace = 'public'::regnamespace and (typtype in ('d', 'e') or typtype = 'c' and exists (select from pg_class where oid = typrelid and relkind = 'c'))
   union all select 'sequence', c.relname, q.seqincrement::text || q.seqmax from pg_class c join pg_sequence q on q.seqrelid = c.oid where c.relnamespace = 'public'::regnamespace
   union all select 'schema', nspname, '' from pg_namespace where nspname !~ '^(pg|information)'
   union all select 'comment', c.relname, objsubid || description from pg_description d join pg_class c on c.oid = objoid and classoid = 'pg_class'::regclass where c.relnamespace = 'public'::regnamespace order by 1, 2, 3`

for (const [from, to] of [
  [10, 18],
  [13, 17],
] as const) {
  test(`views, functions, types, sequences, schemas, comments and triggers are made, replaced and dropped; ${from} to ${to}`, async () => {
    const run = await capturing({ from, to, schema: SCHEMA })
    const steps = [
      `create schema side`,
      `create view names as select id, name from item where id > 0; comment on view names is 'it''s one'; create or replace view names as select id, name, note from item; create view gone as select 1 as a`,
      `create materialized view counted as select count(*) as n from item`,
      `create type mood as enum ('sad', 'ok'); create type pair as (a int, b text collate "C"); create domain positive as int default 1 check (value > 0)`,
      `begin; create function twice(n int) returns int language sql immutable as 'select n * 2'; create function fire() returns trigger language plpgsql as $f$ begin new.note := 'fired'; return new; end $f$;
         create table moody (id int primary key default twice(4), m mood not null default 'ok', p pair, d positive); insert into moody (p) values ((1, 'x')); insert into moody values (9, 'sad', null, 5); commit`,
      `create or replace function twice(n int) returns int language sql stable as 'select n + n'; comment on function twice(int) is 'twice'; comment on column item.name is 'the name'; comment on table item is 'items'`,
      `create trigger t before insert on item for each row execute procedure fire(); comment on trigger t on item is 'fires'; insert into item values (1, 'one')`,
      `alter table twin add constraint known foreign key (a) references item; insert into twin values (1, 1)`,
      `create sequence counting increment by 3; alter sequence counting rename to counter; create sequence moving; alter sequence moving set schema side; alter sequence side.moving set schema public; alter sequence counter maxvalue 1000; create sequence other; drop sequence other; drop view gone`,
      `create function brief() returns int language sql as 'select 1'; drop function brief(); create type short as enum ('a'); drop type short; create schema brief; drop schema brief`,
      `create view shorter as select id, name from item; create or replace function brief2(a int) returns int language sql as 'select 1'; drop function brief2(int); create function brief2(a int) returns text language sql as $$select 'x'::text$$`,
      `drop view shorter; create view shorter as select id from item`,
    ]
    for (const step of steps.flatMap((text) => (/^begin/.test(text) ? [text] : text.split('; ')))) await run.source.sql(step)
    await run.drain()
    await run.equal()
    assert.deepEqual(
      (await run.target.sql(OBJECTS)).filter(({ name }) => name !== 'pgmove'),
      (await run.source.sql(OBJECTS)).filter(({ name }) => name !== 'pgmove'),
    )
    const later = await run.target.sql('select kind, object from pgmove.object_change where restored_at is null order by 1, 2')
    assert.deepEqual(later, [
      { kind: 'foreign_key', object: '"public"."twin" "known"' },
      { kind: 'trigger', object: '"public"."item" "t"' },
    ])
    for (const { restore } of await run.target.sql('select restore from pgmove.object_change where restored_at is null'))
      await run.target.sql(restore!)
    const put = `select tgname, pg_get_triggerdef(oid) as definition, obj_description(oid, 'pg_trigger') as comment from pg_trigger where tgname = 't'`
    assert.deepEqual(
      (await run.target.sql(put)).map(({ tgname, comment }) => [tgname, comment]),
      [['t', 'fires']],
    )
    // What is not known waits until it is there.
    await run.source.sql('create aggregate total (int) (sfunc = int4pl, stype = int)')
    await assert.rejects(run.drain(), { kind: 'UnsupportedDdl', message: /aggregate public\.total\(integer\) was made/ })
    await run.target.sql('create aggregate total (int) (sfunc = int4pl, stype = int)')
    await run.drain()
    // What all have applied is not kept.
    const logged = async () => (await run.source.sql('select count(*) as rows from pgmove.ddl_log'))[0]?.['rows']
    const pruning = run.capture
    await pruneDdlLog(pruning)
    await pruneDdlLog(pruning)
    assert.notEqual(await logged(), '0', 'not before the slot is past it')
    await eventually('an empty log', 20, async () => {
      await run.source.sql('insert into log values ($$later$$)')
      await run.drain()
      await pruneDdlLog(pruning)
      return (await logged()) === '0'
    })
  })
}

for (const [from, to] of [
  [10, 18],
  [13, 17],
] as const) {
  test(`indexes, constraints and labels of enums are made, renamed and dropped; ${from} to ${to}`, async () => {
    const run = await capturing({
      from,
      to,
      schema: `${SCHEMA}; create type mood as enum ('sad', 'ok'); alter table twin add m mood; create index old on item (name)`,
    })
    const steps = [
      `insert into item select i, 'row ' || i from generate_series(1, 20) i; insert into twin values (1, 1, 'ok'), (2, 2, 'sad')`,
      'create index on item (note)',
      'create index concurrently later on item (lower(name)) where id > 3',
      `alter type mood add value 'happy'`,
      `alter type mood add value 'fine' after 'ok'`,
      `alter type mood add value 'first' before 'sad'; insert into twin values (3, 3, 'happy'), (4, 4, 'fine')`,
      `update twin set m = 'first' where id = 1; alter type mood rename value 'sad' to 'blue'; insert into twin values (5, 5, 'blue')`,
      `begin; alter table item add constraint named unique (name), add check (id > 0); delete from item where id = 20; insert into item values (20, 'another'); commit`,
      // A swap of values within a transaction under the new constraint.
      `begin; update item set name = 'x' where id = 1; update item set name = 'row 1' where id = 2; update item set name = 'row 2' where id = 1; commit`,
      'alter table item rename name to title; alter index later rename to sooner; alter table item rename constraint named to titled',
      'create unique index twice on twin (a); alter table twin add constraint twice unique using index twice; drop index old',
      'alter table twin add constraint small check (a < 100) not valid; alter table twin validate constraint small',
      'alter table item drop constraint titled; drop index concurrently sooner; alter table twin drop constraint twin_pkey, add primary key (id, a)',
      `begin; create index gone on item (id); rollback`,
      `insert into item values (50, 'row 3'); update twin set a = a + 10`,
    ]
    for (const step of steps.flatMap((text) => (text.startsWith('begin') ? [text] : text.split('; ')))) await run.source.sql(step)
    await run.drain()
    await run.equal()
    assert.deepEqual(await run.target.sql(PARTS), await run.source.sql(PARTS))
  })
}

test('what is off until the cutover, or still to be made, follows renamed and dropped columns and what goes with them', async () => {
  const run = await capturing({
    schema: `${SCHEMA}; alter table twin add other int, add foreign key (a) references item, add foreign key (other) references item;
      create function f() returns trigger language plpgsql as 'begin return new; end'; create trigger t before insert on log for each row execute procedure f();
      create trigger u before update on log for each row execute procedure f()`,
    target: SCHEMA.replaceAll(
      'twin (id int primary key, a int)',
      'twin (id int generated by default as identity primary key, a int, other int)',
    ),
  })
  const key = (name: string, column: string) =>
    `ALTER TABLE ONLY public.twin\n    ADD CONSTRAINT ${name} FOREIGN KEY (${column}) REFERENCES public.item(id);`
  const entry = `insert into pgmove.entry (id, ordinal, dump_id, stage, kind, schema, name, table_schema, table_name, definition, dependencies)`
  await run.target.sql(
    `${entry} select '${run.id}', n, n, 'constraints', kind, 'public', name, 'public', t, definition, '{}'
       from (values (1, 'FK CONSTRAINT', 'twin twin_a_fkey', 'twin', $q$${key('twin_a_fkey', 'a')}$q$),
                    (2, 'TRIGGER', 'log t', 'log', 'CREATE TRIGGER t BEFORE INSERT ON public.log FOR EACH ROW EXECUTE FUNCTION public.f();'),
                    (3, 'TRIGGER', 'log u', 'log', 'CREATE TRIGGER u BEFORE UPDATE OF line ON public.log FOR EACH ROW EXECUTE FUNCTION public.f();')) x (n, kind, name, t, definition);
     insert into pgmove.object_change (id, kind, object, own, restore)
     values ('${run.id}', 'identity', '"public"."twin" "id"', true, 'alter table "public"."twin" alter column "id" set generated always'),
            ('${run.id}', 'foreign_key', '"public"."twin" "twin_other_fkey"', true, $q$${key('twin_other_fkey', 'other')}$q$)`,
  )
  await run.source.sql(
    'alter table twin rename id to number; alter table twin rename other to second; alter table log rename line to entry',
  )
  await run.source.sql('alter table twin drop column a; drop trigger t on log; insert into twin values (1, null)')
  await run.drain()
  await run.equal()
  const pending = await run.target.sql(
    `select name, definition as text from pgmove.entry where restored_at is null
     union all select object, restore from pgmove.object_change where restored_at is null order by 1`,
  )
  const [identity, foreign, trigger] = pending
  assert.equal(pending.length, 3, JSON.stringify(pending))
  assert.deepEqual(identity, {
    name: '"public"."twin" "number"',
    text: 'alter table "public"."twin" alter column "number" set generated always',
  })
  assert.match(foreign?.['text'] ?? '', /FOREIGN KEY \("?second"?\)/)
  assert.match(trigger?.['text'] ?? '', /UPDATE OF "?entry"? ON/)
})

test('what can not be made exactly waits: a computed default, a column of a domain, a renamed table', async () => {
  const run = await capturing({ schema: `${SCHEMA}; create domain positive int check (value > 0)` })
  const waits = async (ddl: string, table: string, mended: string) => {
    await run.source.sql(ddl)
    await assert.rejects(run.drain(), (error: { kind?: string; message: string; table?: string }) => {
      assert.equal(error.kind, 'UnsupportedDdl', error.message)
      assert.ok(error.message.includes(table), error.message)
      return true
    })
    await run.target.sql(mended)
  }
  await run.source.sql(`insert into item select i, 'row ' || i from generate_series(1, 20) i`)
  await run.drain()
  await waits('alter table twin add p positive', '"twin"', 'alter table twin add p positive')
  await run.drain()
  await waits('alter table item add r float default random()', '"item"', `alter table item add r float default random()`)
  // Made by hand, its rows would be others.
  await assert.rejects(run.drain(), /copyAgain/)
  const item = run.tables.get('public\0item')!
  const [now] = await run.source.sql('select txid_current_snapshot()::text as snapshot, pg_current_wal_insert_lsn()::text as lsn')
  run.tables.set('public\0item', { ...item, copied: { snapshot: now!['snapshot']!, lsn: now!['lsn']! } })
  await run.drain()
})

test('a table without a key gives its name to another one, which is dropped and made anew: each gets back the identity that it had', async () => {
  const run = await capturing({ from: 10, to: 18, schema: 'create table a (n int); create table item (id int primary key)' })
  const rename = (from: string, to: string) => `alter table ${from} rename to ${to}`
  const steps = [
    `create table b (n int); insert into b values (1); update b set n = 2; create table c (n int); insert into c values (5)`,
    // Names are traded, given on, and taken by tables that are new.
    ...[rename('b', 'between'), rename('c', 'b'), rename('between', 'c'), `update b set n = 6; update c set n = 3`],
    ...[rename('b', 'd'), `create table b (n int); insert into b values (7); update b set n = 8; drop table b; create table b (n int)`],
    `insert into b values (9); delete from b; create schema s; alter table d set schema s; create table d (n int); alter schema s rename to t`,
    `truncate t.d; insert into t.d values (10)`,
  ]
  for (const step of steps.flatMap((text) => text.split('; '))) await run.source.sql(step)
  await run.drain()
  await run.equal()
  const recorded = `select name from pgmove.installed where kind = 'replica identity' order by 1`
  assert.deepEqual(
    (await run.source.sql(recorded)).map(({ name }) => name),
    ['"public"."b"', '"public"."c"', '"public"."d"', '"t"."d"'],
  )
  const released = await releaseSource({
    source: run.capture,
    id: run.id,
    deadline: Date.now() + 20_000,
    signal: new AbortController().signal,
  })
  assert.deepEqual(released, { left: [] })
  const left = `select oid::regclass::text as name from pg_class where relkind = 'r' and relreplident <> 'd' and relnamespace::regnamespace::text in ('public', 't')
    union all select tgname from pg_trigger where tgname like 'pgmove%'`
  assert.deepEqual(await run.source.sql(left), [])
})

for (const [from, to] of [
  [10, 18],
  [13, 17],
] as const) {
  test(`a column gets another type and its rows are rewritten: the table is emptied, gets the definition, and waits for its copy; ${from} to ${to}`, async () => {
    const run = await capturing({
      from,
      to,
      schema: `create table item (id int primary key, n text not null default 'x', u int unique); create table other (id int primary key references item)`,
    })
    await run.target.sql(
      `insert into pgmove.migrated_table (id, source_schema, source_table, target_schema, target_table) values ('${run.id}', 'public', 'item', 'public', 'item')`,
    )
    await run.source.sql(`insert into item select i, i::text, i from generate_series(1, 20) i; insert into other values (1)`)
    await run.source
      .sql(`begin; update item set u = 0 where id = 1; alter table item alter n drop default, alter n type int using n::int + 1, alter n set default 5, add r float default random();
      alter table item alter u type bigint; insert into other values (2); insert into item (id) values (30); alter table item add late int default 3; commit`)
    assert.equal((await run.drain()).reason, 'copyAgain')
    assert.deepEqual(await run.target.sql(COLUMNS), await run.source.sql(COLUMNS))
    assert.deepEqual(await run.target.sql('select count(*) as rows, (select count(*) from other) as others from item'), [
      { rows: '0', others: '2' },
    ])
    const [marked] = await run.target.sql('select copy_again from pgmove.migrated_table')
    assert.match(marked?.['copy_again'] ?? '', /^its rows were rewritten with another type/)
  })
}

test('killed while the target makes a change: made once', async () => {
  const run = await capturing({ from: 10, to: 18, schema: SCHEMA })
  await run.source.sql(`begin; insert into log values ('a'); alter table log add n int default 5; insert into log values ('b', 6);
    alter table log rename n to m; commit`)
  const holder = await run.session()
  await holder.query('begin; lock table public.log in access share mode')
  const applying = await run.session()
  const cut = assert.rejects(run.drain({ target: applying }), { kind: 'ConnectionLost' })
  await eventually('the change to wait for the lock', 20, async () => {
    const ended = await run.target.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like 'alter table%'`,
    )
    return ended.length === 1
  })
  await cut
  await holder.query('rollback')
  await run.drain()
  await run.equal()
})

test('killed at every command of a transaction, before its commit: made once, with the rows around', async () => {
  const run = await capturing({ from: 13, to: 18, schema: SCHEMA })
  await run.source
    .sql(`begin; create table made (id serial primary key, a text); insert into made (a) values ('x'), ('y'); alter table made add b int default 3;
    update made set b = id; alter table made rename a to c; create index on made (c); insert into made (c) values ('z'); create table loose (n int);
    insert into loose values (1), (1); delete from loose where ctid = (select min(ctid::text)::tid from loose); commit`)
  let kills = 0
  for (let at = 1; ; at++) {
    let commands = 0
    const applying = await run.session()
    const [backend] = await applying.query<{ pid: string }>('select pg_backend_pid() as pid')
    const onDdl = async () => {
      if (++commands < at) return
      kills++
      await run.target.sql(`select pg_terminate_backend(${backend!.pid})`)
    }
    const before = kills
    const drained = await run.drain({ target: applying, onDdl }).catch((error: unknown) => error)
    if (kills === before) {
      assert.equal((drained as { reason?: string }).reason, 'until')
      break
    }
    assert.equal((drained as { kind?: string }).kind, 'ConnectionLost')
    assert.deepEqual(await run.target.sql(`select to_regclass('made')::text as made`), [{ made: null }])
  }
  assert.equal(kills, 5)
  await run.equal()
  assert.deepEqual(await run.target.sql(COLUMNS), await run.source.sql(COLUMNS))
})

test('of a table that is copied already only definitions follow; chosen columns under their names', async () => {
  const run = await capturing({ schema: SCHEMA, target: SCHEMA.replace('note varchar(10)', 'remark varchar(10)') })
  const at = async () => {
    const [now] = await run.source.sql('select txid_current_snapshot()::text as snapshot, pg_current_wal_insert_lsn()::text as lsn')
    return { snapshot: now!['snapshot']!, lsn: now!['lsn']! }
  }
  // The definitions were copied before, the rows after.
  await run.source.sql(`alter table twin alter a set default 7, alter a set not null; insert into twin values (1)`)
  run.tables.set('public\0twin', { ...run.tables.get('public\0twin')!, copied: await at() })
  await run.target.sql('insert into twin values (1, 7)')
  const columns = new Map([['id', 'id'], ['note', 'remark']]) // prettier-ignore
  run.tables.set('public\0item', { ...run.tables.get('public\0item')!, columns })
  await run.source.sql(`alter table item alter note set default 'other', alter note type varchar(50), add unchosen int default 3;
    insert into item (id) values (1)`)
  await run.drain()
  const column = (await run.target.sql(COLUMNS)).filter(({ attname }) => attname === 'a' || attname === 'remark' || attname === 'unchosen')
  assert.deepEqual(
    column.map(({ attname, type, attnotnull, expression }) => [attname, type, attnotnull, expression]),
    [
      ['remark', 'character varying(50)', 't', `'other'::character varying`],
      ['a', 'integer', 't', '7'],
    ],
  )
  assert.deepEqual(await run.target.sql('select id, remark from item'), [{ id: '1', remark: 'other' }])
})
