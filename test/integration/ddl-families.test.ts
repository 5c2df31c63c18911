import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capturing } from './ddl-rig.ts'

const COLUMNS = `select c.relname, a.attname, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull, a.attislocal, a.attinhcount, pg_get_expr(d.adbin, d.adrelid) as expression
   from pg_attribute a join pg_class c on c.oid = a.attrelid left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped order by 1, a.attnum`
const FAMILY = `select c.relname, pg_get_expr(c.relpartbound, c.oid) as bound, (select string_agg(inhparent::regclass::text, ',' order by inhseqno) from pg_inherits where inhrelid = c.oid) as parents
   from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') order by 1`
const PARTS = `select c.relname, pg_get_indexdef(i.indexrelid) as definition from pg_index i join pg_class c on c.oid = i.indrelid where c.relnamespace = 'public'::regnamespace and i.indisvalid
   union all select c.relname, conname || ' ' || pg_get_constraintdef(k.oid) || k.conislocal || k.coninhcount from pg_constraint k join pg_class c on c.oid = k.conrelid where c.relnamespace = 'public'::regnamespace and contype not in ('n', 'f') order by 1, 2`

test('partitions are attached and detached, columns, indexes and constraints of partitioned tables follow; 13 to 17', async () => {
  const schema = `create table p (k int not null, at date, v varchar(20)) partition by range (k); create table p1 partition of p for values from (0) to (10);
    create table p2 partition of p for values from (10) to (20) partition by range (k); create table p2a partition of p2 for values from (10) to (20);
    create table alone (k int not null, at date, v text); create table far (id int primary key)`
  const run = await capturing({ schema })
  const steps = [
    `insert into p select i, null, 'row ' || i from generate_series(0, 14, 2) i`,
    `begin; alter table p add qty int not null default 3, add note text; update p set qty = 4 where k = 12; alter table p rename v to value; insert into p (k, value) values (3, 'x'); commit`,
    `alter table p drop note; alter table p alter value set default 'd', alter value set not null; alter table only p alter qty set default 9; alter table p1 alter at set default '2020-01-01'`,
    `insert into p (k) values (5); insert into p1 (k) values (7); update p set k = 15 where k = 4`,
    `alter table p alter value type varchar(50); alter table p alter value type text; alter table p alter value drop not null; alter table p alter value drop default`,
    `create index on p (value); alter table p add primary key (k, qty), add constraint low check (k < 1000)`,
    `alter index p_value_idx rename to by_value; alter table p rename constraint low to lower; create index on p1 (at)`,
    `insert into p (k, value) values (9, 'y'); update p set value = 'z' where k = 9; delete from p where k = 2`,
    // A table that was there, with an index and a key of its own that become the root's.
    `alter table alone rename v to value; alter table alone add qty int not null default 3; alter table alone alter value set default 'x'; insert into alone (k) values (25), (26)`,
    `alter table alone add primary key (k, qty); create index on alone (value); alter table alone add constraint lower check (k < 1000)`,
    `begin; alter table p attach partition alone for values from (20) to (30); insert into p (k, value) values (27, 'routed'); commit`,
    `update p set value = 'w' where k = 25; alter table p detach partition p1; insert into p1 (k) values (100); update p1 set value = 'd' where k = 100`,
    `delete from p1 where k in (0, 100); alter table p attach partition p1 for values from (0) to (10); update p set value = 'back' where k = 9`,
    // A new partition, dropped and made anew.
    `create table p3 partition of p for values from (30) to (40); insert into p (k) values (31); create table p4 partition of p for values from (40) to (50) partition by hash (k)`,
    `create table p4a partition of p4 for values with (modulus 1, remainder 0); insert into p (k) values (41), (42); drop table p3`,
    `create table p3 partition of p for values from (30) to (40); insert into p (k) values (32)`,
    `drop index by_value; alter table p drop constraint lower; delete from p where k in (10, 26)`,
    `alter table p2 rename to second; alter table p rename to parted; insert into parted (k) values (11)`,
  ]
  for (const step of steps.flatMap((text) => (/^begin/.test(text) ? [text] : text.split('; ')))) await run.source.sql(step)
  await run.drain({ limits: { changes: 5, bytes: 1000 } })
  await run.equal()
  for (const query of [FAMILY, COLUMNS, PARTS]) assert.deepEqual(await run.target.sql(query), await run.source.sql(query))
})

for (const [from, to] of [
  [10, 18],
  [13, 17],
] as const) {
  test(`parents and children: columns and checks reach those that they reach on the source; ${from} to ${to}`, async () => {
    const schema = `create table parent (id int primary key, a text); create table child (b int, primary key (id)) inherits (parent); create table plain (id int primary key, a text, b int)`
    const run = await capturing({ schema, from, to })
    const steps = [
      `insert into parent values (1, 'p'); insert into child values (2, 'c', 2); insert into plain values (3, 'x', 3)`,
      `alter table parent add n int default 5, add m int; update parent set n = 6 where id = 2; alter table parent rename a to name`,
      `alter table only parent alter name set default 'of parent'; alter table child alter n set default 8; insert into child (id) values (4); insert into parent (id) values (5)`,
      `alter table only parent drop m; alter table child rename m to own; update child set own = 1; alter table parent add constraint positive check (id > 0), add constraint alone check (n > 0) no inherit`,
      `create table young (c int) inherits (parent); insert into young (id, c) values (6, 6); alter table young add primary key (id); update young set c = 7`,
      `alter table plain rename a to name; alter table plain add n int, add constraint positive check (id > 0); alter table plain inherit parent; insert into plain (id) values (8); update parent set name = 'everywhere'`,
      `alter table parent rename to mother; alter table plain no inherit mother; alter table mother drop n; delete from mother where id = 4`,
      `alter table mother drop constraint positive`,
    ]
    for (const step of steps.flatMap((text) => (/^begin/.test(text) ? [text] : text.split('; ')))) await run.source.sql(step)
    await run.drain({ limits: { changes: 5, bytes: 1000 } })
    await run.equal()
    for (const query of [FAMILY, COLUMNS, PARTS]) assert.deepEqual(await run.target.sql(query), await run.source.sql(query))
  })
}

test('a table that was not selected is attached with its rows: it is published and copied', async () => {
  const schema = `create table p (k int not null, v text) partition by range (k); create table p1 partition of p for values from (0) to (10); create table tmp_q (k int not null, v text)`
  const selection = { objects: null, exclude: [{ schema: 'public', table: 'tmp_*' }] }
  const run = await capturing({ schema, target: schema.replace(/; create table tmp_q.*/, '') }, selection)
  run.tables.delete('public\0tmp_q')
  await run.source.sql(`alter publication pgmove_${run.id} drop table tmp_q`)
  await run.source.sql(`insert into tmp_q values (11, 'before'); insert into p values (1, 'a')`)
  await run.source.sql(
    `begin; alter table p attach partition tmp_q for values from (10) to (20); insert into p values (12, 'after'); commit; insert into p values (2, 'b')`,
  )
  assert.equal((await run.drain()).reason, 'copyAgain')
  const [marked] = await run.target.sql(`select source_table, copy_again from pgmove.migrated_table where copy_again is not null`)
  assert.equal(marked?.['source_table'], 'tmp_q')
  assert.match(marked['copy_again'] ?? '', /^it was attached with rows/)
  assert.deepEqual(await run.target.sql(FAMILY), await run.source.sql(FAMILY))
  assert.deepEqual(await run.source.sql(`select from pg_publication_tables where tablename = 'tmp_q' and pubname = 'pgmove_${run.id}'`), [
    {},
  ])
})
