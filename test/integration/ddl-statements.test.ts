import assert from 'node:assert/strict'
import { test } from 'node:test'
import { restoreTarget } from '../../src/cutover/restore-target.ts'
import { definitionDifferences } from '../definition-differences.ts'
import { capturing } from './ddl-rig.ts'

const LIMIT = { timeout: 180_000 }

/** With a trigger and a rule that the target is still to get. */
const SCHEMA = `
create type mood as enum ('sad', 'ok'); create domain positive int check (value > 0); create type pair as (a int, b text);
create table item (id int primary key, name text, note varchar(10) not null default 'n', qty int, m mood, p positive);
create table idn (id bigint generated always as identity primary key, v int);
create table ser (id serial primary key, v int); create table standard (id serial primary key, v int);
create table other (id int primary key, item int references item, u int unique, x int4range, constraint ex exclude using gist (x with &&));
create table part (id int, k int) partition by range (k); create table part1 partition of part for values from (0) to (10);
create table parent (id int primary key); create table child (id int not null, extra int);
create index item_name on item (name); create index item_qty on item (qty);
create view v as select 1 as id, 'x'::text as name; create materialized view mv as select 1 as id, 'x'::text as name;
create function f() returns trigger language plpgsql as 'begin return new; end'; create function g(a int) returns int language sql as 'select a';
create sequence sq; create schema sc; create table sc.t (id int primary key);
create aggregate agg (int) (sfunc = int4pl, stype = int4);
create collation co from "C"; create text search dictionary di (template = simple); create text search configuration cf (copy = simple);
create extension hstore; create policy pol on item using (true); create statistics st on id, qty from item;
`
const LATER = {
  trigger: 'create trigger t before insert on item for each row execute procedure f()',
  rule: 'create rule r as on insert to other do also nothing',
}

/** Statements by the first version that knows them, each after those above it; the target gets the same definitions. */
const FOLLOWED: readonly (readonly [since: number, statement: string])[] = [
  [10, 'alter type mood rename to mood2'],
  [10, `alter type mood2 rename value 'sad' to 'blue'`],
  [10, `alter type mood2 add value 'x' before 'ok'`],
  [10, 'alter type pair add attribute c int'],
  [10, 'alter type pair rename attribute c to d'],
  [10, 'alter type pair alter attribute d type bigint'],
  [10, 'alter type pair drop attribute d'],
  [10, 'alter type pair rename to pair2'],
  [10, 'alter type pair2 add attribute e numeric(5,2), add attribute f text collate "C"'],
  [10, 'alter domain positive add constraint lim check (value < 1000)'],
  [10, 'alter domain positive rename constraint lim to limi'],
  [10, 'alter domain positive drop constraint limi'],
  [10, 'alter domain positive set default 5'],
  [10, 'alter domain positive set not null'],
  [10, 'alter domain positive drop not null'],
  [10, 'alter domain positive add constraint nv check (value < 5000) not valid'],
  [10, 'alter domain positive validate constraint nv'],
  [10, 'alter domain positive rename to posi'],
  [10, `comment on table item is 'x'`],
  [10, `comment on column item.name is 'y'`],
  [10, `comment on index item_name is 'z'`],
  [10, `comment on constraint item_pkey on item is 'c'`],
  [10, `comment on constraint other_item_fkey on other is 'fk'`],
  [10, `comment on trigger t on item is 'tt'`],
  [10, `comment on rule r on other is 'r'`],
  [10, `comment on function g(int) is 'g'`],
  [10, `comment on type mood2 is 'm'`],
  [10, `comment on domain posi is 'd'`],
  [10, `comment on constraint positive_check on domain posi is 'dc'`],
  [10, `comment on sequence sq is 's'`],
  [10, `comment on schema sc is 'sc'`],
  [10, `comment on view v is 'v'`],
  [10, `comment on column v.id is 'vid'`],
  [10, `comment on materialized view mv is 'mv'`],
  [10, `comment on policy pol on item is 'p'`],
  [10, `comment on statistics st is 'st'`],
  [10, `comment on aggregate agg(int) is 'ag'`],
  [10, `comment on extension hstore is 'h'`],
  [10, `comment on collation co is 'co'`],
  [10, `comment on text search dictionary di is 'di'`],
  [10, 'alter table item rename constraint item_pkey to item_pk'],
  [10, 'alter table other rename constraint other_item_fkey to ofk'],
  [10, 'alter table other rename constraint other_u_key to ou'],
  [10, 'alter index item_name rename to item_nm'],
  [10, 'alter index item_nm set (fillfactor = 70)'],
  [10, 'alter index item_nm reset (fillfactor)'],
  [10, 'alter index ou set (fillfactor = 60)'],
  [10, 'create index concurrently ic on item (note)'],
  [10, 'drop index concurrently ic'],
  [10, 'create index ie on item ((qty + 1))'],
  [11, 'alter index ie alter column 1 set statistics 100'],
  [10, 'reindex table item'],
  [12, 'reindex index concurrently item_nm'],
  [10, 'create statistics st2 on id, note from item'],
  [10, 'alter statistics st rename to st3'],
  [13, 'alter statistics st3 set statistics 50'],
  [10, 'alter statistics st3 set schema sc'],
  [10, 'drop statistics st2'],
  [10, 'alter table item set (fillfactor = 80, autovacuum_enabled = off)'],
  [10, 'alter table item reset (fillfactor)'],
  [10, 'alter table item set (toast.autovacuum_enabled = off)'],
  [10, 'alter table item alter name set statistics 500'],
  [10, 'alter table item alter qty set statistics 9, alter qty set statistics -1'],
  [10, 'alter table item alter name set (n_distinct = 5)'],
  [10, 'alter table item alter qty set (n_distinct = 7)'],
  [10, 'alter table item alter qty reset (n_distinct)'],
  [10, 'alter table item alter name set storage external'],
  [10, 'alter table item alter note set storage main, alter note set storage extended'],
  [14, 'alter table item alter name set compression pglz'],
  [10, 'alter table item cluster on item_pk'],
  [10, 'alter table other cluster on other_pkey'],
  [10, 'alter table other set without cluster'],
  [10, 'alter table child inherit parent'],
  [10, 'alter table child no inherit parent'],
  [10, 'create unique index ui on item (id, note)'],
  [10, 'alter table item replica identity using index ui'],
  [10, 'alter table item replica identity default'],
  [10, 'alter table ser replica identity using index ser_pkey'],
  [10, 'alter table item disable trigger t'],
  [10, 'alter table item enable replica trigger t'],
  [10, 'alter table item enable always trigger t'],
  [10, 'alter table item disable trigger all'],
  [10, 'alter table item enable trigger user'],
  [10, 'alter table item enable always trigger t'],
  [10, 'alter table other disable rule r'],
  [10, 'alter table other enable replica rule r'],
  [10, 'alter trigger t on item rename to t2'],
  [14, 'create or replace trigger t2 after insert on item for each row execute procedure f()'],
  [14, 'alter table item disable trigger t2'],
  [10, 'create constraint trigger ct after insert on item deferrable initially deferred for each row execute procedure f()'],
  [10, 'create trigger kept before update on other for each row execute procedure f()'],
  [10, 'alter table other disable trigger kept'],
  [10, 'alter trigger kept on other rename to stays'],
  [10, 'drop trigger ct on item'],
  [10, 'alter rule r on other rename to r2'],
  [10, 'create or replace rule r2 as on update to other do also nothing'],
  [10, 'create rule r3 as on delete to other do also nothing'],
  [10, 'drop rule r3 on other'],
  [10, 'alter sequence sq increment by 5 minvalue 50 start 60 restart 60'],
  [10, 'alter sequence sq owned by item.qty'],
  [10, 'alter sequence sq owned by none'],
  [10, 'alter sequence sq as smallint'],
  [10, 'alter sequence sq rename to sq2'],
  [10, 'alter sequence sq2 set schema sc'],
  [15, 'alter sequence sc.sq2 set unlogged'],
  [15, 'create unlogged sequence usq'],
  [10, 'alter sequence ser_id_seq rename to ser_seq'],
  [10, 'alter sequence ser_seq increment by 3'],
  [10, 'alter sequence idn_id_seq rename to idn_seq'],
  [10, 'alter sequence idn_seq increment by 7'],
  [10, 'alter table idn alter id set increment by 9'],
  [10, 'alter table idn alter id set generated by default'],
  [10, 'alter table idn alter id set generated always'],
  [10, 'alter table idn alter id drop identity'],
  [10, 'alter table idn alter id add generated always as identity (start 100)'],
  [10, 'alter table idn rename to idn2'],
  [10, 'alter table standard alter id drop default, alter id add generated by default as identity'],
  [10, 'drop sequence standard_id_seq'],
  [10, 'alter table standard alter v set default 1, alter v set not null'],
  [10, 'alter table standard alter id drop identity, alter id set default 7'],
  [10, 'alter table ser alter id drop default'],
  [10, 'alter table part rename column id to idd'],
  [10, 'alter table part add constraint chk check (idd > 0)'],
  [11, 'create index pix on part (k)'],
  [11, 'alter index pix rename to pix2'],
  [11, 'create index pixo on only part (idd); create index pixc on part1 (idd); alter index pixo attach partition pixc'],
  [11, 'create table part3 partition of part default'],
  [10, 'alter view v rename to v2'],
  [13, 'alter view v2 rename column name to nm'],
  [10, `alter view v2 alter id set default 7`],
  [10, 'alter view v2 set (security_barrier = true)'],
  [10, 'alter view v2 reset (security_barrier)'],
  [10, 'alter view v2 set schema sc'],
  [10, 'create recursive view rv (n) as select 1 union all select n + 1 from rv where n < 3'],
  [10, 'alter materialized view mv rename to mv2'],
  [10, 'alter materialized view mv2 rename column name to nn'],
  [10, 'alter materialized view mv2 set (fillfactor = 50)'],
  [10, 'create unique index mvi on mv2 (id)'],
  [10, 'create index mvj on mv2 (nn)'],
  [10, 'alter materialized view mv2 cluster on mvi'],
  [10, 'alter materialized view mv2 alter nn set statistics 9'],
  [10, 'alter index mvi set (fillfactor = 90)'],
  [10, 'drop index mvj'],
  [10, 'refresh materialized view mv2'],
  [10, 'refresh materialized view concurrently mv2'],
  [10, 'alter function g(int) rename to gg'],
  [10, 'alter function gg(int) immutable'],
  [10, `alter function gg(int) set work_mem = '1MB'`],
  [10, 'alter function gg(int) set schema sc'],
  [10, 'alter function sc.gg(int) cost 77'],
  [10, `create or replace function sc.gg(a int) returns int language sql as 'select a + 1'`],
  [11, `create procedure pr() language plpgsql as 'begin end'`],
  [11, 'alter procedure pr() rename to pr2'],
  [11, 'alter procedure pr2() security definer'],
  [10, 'drop aggregate agg(int)'],
  [10, 'drop collation co'],
  [10, 'drop text search configuration cf'],
  [10, 'drop text search dictionary di'],
  [10, 'drop extension hstore'],
  [10, 'create extension citext with schema sc'],
  [10, 'alter table item set schema sc'],
  [10, 'alter schema sc rename to sc2'],
  [10, `alter table sc2.item alter m set default 'ok'`],
  [10, 'alter table sc2.item add constraint nn check (name is not null) not valid'],
  [10, 'alter table sc2.item validate constraint nn'],
  [10, 'alter table other alter constraint ofk deferrable initially deferred'],
  [10, 'alter table other add constraint ofk2 foreign key (item) references sc2.item not valid'],
  [10, 'alter table other validate constraint ofk2'],
  [10, 'alter table other add constraint ofk3 foreign key (u) references sc2.item on delete set null'],
  [10, 'alter table other rename constraint ofk3 to ofk4'],
  [10, 'alter table other drop constraint ex'],
  [10, 'alter table other add constraint dq unique (u) deferrable'],
  [18, 'alter table child add virt int generated always as (extra * 2)'],
  [12, 'alter table sc2.item add gen int generated always as (qty * 2) stored'],
  [13, 'alter table sc2.item alter gen drop expression'],
  [10, 'alter table sc2.item alter note drop default'],
  [10, 'alter table sc2.item alter note type varchar(100)'],
  [10, 'alter table sc2.item add x2 xml, add y2 int default 4'],
  [10, 'alter policy pol on sc2.item using (id > 0)'],
  [10, 'alter policy pol on sc2.item rename to pol2'],
  [10, 'alter table sc2.item enable row level security'],
  [10, 'alter table sc2.item force row level security'],
  [10, 'create schema created create table ct1 (a int primary key) create view cv1 as select 1 as a'],
  [
    10,
    'create table full_of (a int primary key, b text, constraint u unique (b) with (fillfactor = 50)) with (fillfactor = 40, toast.autovacuum_enabled = off)',
  ],
  [10, 'create table dropped (a int primary key); drop table dropped'],
  [15, 'create table distinct_nulls (a int primary key, b int, unique nulls not distinct (b))'],
  [10, 'drop view sc2.v2'],
  [10, 'drop domain posi cascade'],
]

/** Statements that wait for a person, who makes the same on the target; then all goes on. */
const WAITING: readonly (readonly [since: number, statement: string])[] = [
  [10, 'create aggregate agg3 (int) (sfunc = int4pl, stype = int4)'],
  [10, 'create operator !== (leftarg = int, rightarg = int, procedure = int4ne)'],
  [10, 'create collation co3 from "C"'],
  [10, 'create cast (int as pair2) with inout'],
  [10, 'create text search configuration cf2 (copy = simple)'],
  [10, 'create type rng as range (subtype = float8)'],
  [10, 'create foreign data wrapper fw'],
  [10, 'create server srv foreign data wrapper fw'],
  [10, 'create foreign table ft (a int) server srv'],
]

/** Statements that are told, since nobody can see whether they were made on the target. */
const TOLD: readonly (readonly [since: number, statement: string])[] = [
  [10, 'alter aggregate agg3(int) rename to agg4'],
  [10, 'alter collation co3 rename to co4'],
  [10, 'alter foreign table ft add b int'],
]

/** What goes with them again. */
const DROPPED = [
  'drop cast (int as pair2)',
  'drop operator !==(int, int)',
  'drop type rng',
  'drop foreign table ft',
  'drop server srv',
  'drop foreign data wrapper fw',
]

for (const [from, to] of [
  [10, 18],
  [13, 17],
  [18, 18],
] as const) {
  const known = (statements: readonly (readonly [number, string])[]) =>
    statements.filter(([since]) => since <= from).map(([, text]) => text)

  test(`every kind of statement reaches the target, waits or is told: nothing is lost; ${from} to ${to}`, LIMIT, async () => {
    const rig = await capturing({ from, to, schema: `${SCHEMA}; ${LATER.trigger}; ${LATER.rule}`, target: SCHEMA })
    const later = `insert into pgmove.entry (id, ordinal, dump_id, stage, kind, schema, name, table_schema, table_name, definition, dependencies) values`
    await rig.target.sql(
      `${later} ('${rig.id}', 1, 1, 'constraints', 'TRIGGER', 'public', 'item t', 'public', 'item', $q$${LATER.trigger};$q$, '{}'),
               ('${rig.id}', 2, 2, 'constraints', 'RULE', 'public', 'other r', 'public', 'other', $q$${LATER.rule};$q$, '{}')`,
    )
    // As it is on the target while changes are applied.
    await rig.target.sql(
      `alter table idn alter id set generated by default;
       insert into pgmove.object_change (id, kind, object, own, restore)
         values ('${rig.id}', 'identity', '"public"."idn" "id"', true, 'alter table "public"."idn" alter column "id" set generated always')`,
    )
    await rig.source.sql(
      `insert into item select i, 'row ' || i, 'n', i, 'ok', 5 from generate_series(1, 20) i; insert into other select i, i, i from generate_series(1, 9) i;
       insert into ser (v) values (1), (2); insert into part values (1, 1); insert into idn (v) values (1); insert into child values (1, 1)`,
    )
    for (const [i, statement] of known(FOLLOWED).entries()) {
      await rig.source.sql(statement)
      // Not all at once, so that one that waits is found.
      if (i % 8 === 0) await rig.drain().catch((error: unknown) => assert.fail(`${statement}, or one of the 7 before: ${String(error)}`))
    }
    await rig.source.sql('update other set u = u + 10; delete from ser where id = 1')
    await rig.drain()
    const told = () => rig.target.sql(`select text from pgmove.note where id = '${rig.id}' and kind = 'warning'`)
    assert.deepEqual(await told(), [])

    for (const statement of known(WAITING)) {
      await rig.source.sql(statement)
      await assert.rejects(rig.drain(), { kind: 'UnsupportedDdl' }, statement)
      await rig.target.sql(statement)
      await rig.drain()
    }
    for (const statement of known(TOLD)) {
      const before = (await told()).length
      await rig.source.sql(statement)
      await rig.drain()
      assert.equal((await told()).length, before + 1, statement)
      await rig.target.sql(statement)
    }
    for (const statement of DROPPED) await rig.source.sql(statement)
    await rig.drain()
    await rig.equal()

    const entries = await rig.target.sql('select definition from pgmove.entry where restored_at is null order by ordinal')
    for (const { definition } of entries) await rig.target.sql(definition ?? '')
    await restoreTarget({ target: await rig.session(), id: rig.id, signal: new AbortController().signal })
    assert.deepEqual(await definitionDifferences(rig.source.url, rig.target.url), { missing: [], extra: [] })
  })
}
