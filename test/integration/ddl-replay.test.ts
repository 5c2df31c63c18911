import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { connect } from '../../src/postgres/connect.ts'
import { resolveConnection } from '../../src/postgres/resolve-connection.ts'
import { installDdlCapture } from '../../src/source/ddl-capture.ts'
import { installSourceSchema } from '../../src/source/source-schema.ts'
import { eventually } from '../servers.ts'
import { rig } from './apply-rig.ts'
import type { Rig } from './apply-rig.ts'

const never = new AbortController().signal
const open: { close(): Promise<void> }[] = []
after(async () => {
  for (const one of open) await one.close()
})

async function capturing(options: Parameters<typeof rig>[0]): Promise<Rig> {
  const made = await rig(options)
  const source = await connect(await resolveConnection({ url: made.source.url }, 'source'), { side: 'source', applicationName: 'capture' })
  open.push(source)
  const by = { id: made.id, namespaceId: '00000000-0000-4000-8000-000000000001', workflowId: 'w', firstRunId: 'r' }
  await installSourceSchema(source, by, never)
  assert.equal(await installDdlCapture(source, by, never), true)
  return made
}

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
      'create table beside (a int); create index on item (name); comment on column item.name is $$x$$; alter table beside add b int',
    )
    await run.drain({ limits: { changes: 3, bytes: 1000 } })
    await run.equal()
    assert.deepEqual(
      await run.target.sql(COLUMNS),
      await run.source.sql(COLUMNS.replace(`c.relkind = 'r'`, `c.relkind = 'r' and c.relname <> 'beside'`)),
    )
  })
}

const PARTS = `select c.relname, pg_get_indexdef(i.indexrelid) as definition from pg_index i join pg_class c on c.oid = i.indrelid where c.relnamespace = 'public'::regnamespace
   union all select c.relname, conname || ' ' || pg_get_constraintdef(k.oid) from pg_constraint k join pg_class c on c.oid = k.conrelid where c.relnamespace = 'public'::regnamespace and contype <> 'n'
   union all select typname, string_agg(enumlabel, ',' order by enumsortorder) from pg_enum e join pg_type t on t.oid = e.enumtypid group by 1 order by 1, 2`

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
  await waits('alter table twin rename to other; alter table log rename to twin', '"twin"', 'select')
})

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
