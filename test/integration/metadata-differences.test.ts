import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { connect } from '../../src/postgres/connect.ts'
import type { Database } from '../../src/postgres/connect.ts'
import { resolveConnection } from '../../src/postgres/resolve-connection.ts'
import type { MetadataDifference } from '../../src/validate/metadata/metadata-difference.ts'
import { comparedMetadata } from '../metadata-run.ts'
import type { ComparedMetadata } from '../metadata-run.ts'
import { database, server } from '../servers.ts'

/** What both sides have, and what is then done on the target alone, which must be found as exactly this. */
interface Planted {
  readonly what: string
  readonly both: string
  readonly plant: string
  readonly found: readonly [kind: string, object: string, attribute: string]
  /** As the target has it, where that is worth a look. */
  readonly target?: string | null
}

// prettier-ignore
const planted: readonly Planted[] = [
  { what: 'a missing table', both: 'create table p.t1 (a int primary key)', plant: 'drop table p.t1', found: ['table', 'p.t1', 'existence'], target: null },
  { what: 'a table too many', both: '', plant: 'create table p.extra (a int)', found: ['table', 'p.extra', 'existence'], target: 'present' },
  { what: 'a logged table that should be unlogged', both: 'create unlogged table p.t2 (a int)', plant: 'alter table p.t2 set logged', found: ['table', 'p.t2', 'persistence'], target: 'p' },
  { what: 'a storage parameter', both: 'create table p.t3 (a int) with (fillfactor = 70)', plant: 'alter table p.t3 set (fillfactor = 80)', found: ['table', 'p.t3', 'options'] },
  { what: 'a storage parameter of the TOAST table', both: 'create table p.t3t (a text)', plant: 'alter table p.t3t set (toast.autovacuum_enabled = false)', found: ['table', 'p.t3t', 'toast options'] },
  { what: 'the replica identity', both: 'create table p.t4 (a int)', plant: 'alter table p.t4 replica identity full', found: ['table', 'p.t4', 'replica identity'], target: 'f' },
  { what: 'row security switched off', both: 'create table p.t5 (a int); alter table p.t5 enable row level security', plant: 'alter table p.t5 disable row level security', found: ['table', 'p.t5', 'row security'], target: 'f' },
  { what: 'row security forced', both: 'create table p.t6 (a int)', plant: 'alter table p.t6 force row level security', found: ['table', 'p.t6', 'forced row security'] },
  { what: 'a table that inherits no more', both: 'create table p.t7 (a int); create table p.t7c (a int) inherits (p.t7)', plant: 'alter table p.t7c no inherit p.t7', found: ['table', 'p.t7c', 'inherits'], target: null },
  { what: 'bounds of a partition', both: 'create table p.t8 (a int) partition by range (a); create table p.t8a partition of p.t8 for values from (1) to (10)', plant: 'alter table p.t8 detach partition p.t8a; alter table p.t8 attach partition p.t8a for values from (1) to (11)', found: ['table', 'p.t8a', 'partition bound'] },
  { what: 'a partition key', both: 'create table p.t9 (a int, b int) partition by list (a)', plant: 'drop table p.t9; create table p.t9 (a int, b int) partition by list (b)', found: ['table', 'p.t9', 'partition key'] },
  { what: 'the order of columns', both: 'create table p.t10 (a int, b int)', plant: 'drop table p.t10; create table p.t10 (b int, a int)', found: ['table', 'p.t10', 'column order'] },
  { what: "a table's comment", both: `create table p.t11 (a int); comment on table p.t11 is 'one'`, plant: `comment on table p.t11 is 'two'`, found: ['table', 'p.t11', 'comment'], target: 'two' },
  { what: "a table's owner", both: 'create table p.t12 (a int)', plant: 'alter table p.t12 owner to pg_monitor', found: ['table', 'p.t12', 'owner'], target: 'pg_monitor' },
  { what: 'a missing grant', both: 'create table p.t13 (a int); grant select on p.t13 to pg_monitor', plant: 'revoke select on p.t13 from pg_monitor', found: ['table', 'p.t13', 'privileges'] },
  { what: 'a grant of a column too many', both: 'create table p.t14 (a int)', plant: 'grant select (a) on p.t14 to pg_monitor', found: ['column', 'p.t14.a', 'privileges'] },
  { what: 'a missing column', both: 'create table p.c1 (a int, b int)', plant: 'alter table p.c1 drop column b', found: ['column', 'p.c1.b', 'existence'], target: null },
  { what: 'a column too many', both: 'create table p.c2 (a int)', plant: 'alter table p.c2 add b int', found: ['column', 'p.c2.b', 'existence'], target: 'present' },
  { what: 'the type of a column', both: 'create table p.c3 (a int)', plant: 'alter table p.c3 alter a type bigint', found: ['column', 'p.c3.a', 'type'], target: 'bigint' },
  { what: "a type's length", both: 'create table p.c4 (a varchar(10))', plant: 'alter table p.c4 alter a type varchar(11)', found: ['column', 'p.c4.a', 'type'] },
  { what: 'a collation', both: 'create table p.c5 (a text)', plant: 'alter table p.c5 alter a type text collate "C"', found: ['column', 'p.c5.a', 'collation'], target: '"C"' },
  { what: 'a missing NOT NULL', both: 'create table p.c6 (a int not null)', plant: 'alter table p.c6 alter a drop not null', found: ['column', 'p.c6.a', 'not null'], target: 'f' },
  { what: 'a default', both: 'create table p.c7 (a int default 1 + 1)', plant: 'alter table p.c7 alter a set default 1 + 2', found: ['column', 'p.c7.a', 'default'], target: '(1 + 2)' },
  { what: 'a missing default', both: 'create table p.c8 (a timestamptz default now())', plant: 'alter table p.c8 alter a drop default', found: ['column', 'p.c8.a', 'default'], target: null },
  { what: 'the kind of an identity', both: 'create table p.c9 (a int generated always as identity)', plant: 'alter table p.c9 alter a set generated by default', found: ['column', 'p.c9.a', 'identity'], target: 'd' },
  { what: 'a generation expression', both: 'create table p.c10 (a int, b int generated always as (a * 2) stored)', plant: 'alter table p.c10 drop b, add b int generated always as (a * 3) stored', found: ['column', 'p.c10.b', 'generated'] },
  { what: 'the storage of a column', both: 'create table p.c11 (a text)', plant: 'alter table p.c11 alter a set storage external', found: ['column', 'p.c11.a', 'storage'], target: 'e' },
  { what: 'the compression of a column', both: 'create table p.c12 (a text)', plant: 'alter table p.c12 alter a set compression pglz', found: ['column', 'p.c12.a', 'compression'] },
  { what: 'a statistics target', both: 'create table p.c13 (a int)', plant: 'alter table p.c13 alter a set statistics 500', found: ['column', 'p.c13.a', 'statistics target'], target: '500' },
  { what: 'an option of a column', both: 'create table p.c14 (a int)', plant: 'alter table p.c14 alter a set (n_distinct = 5)', found: ['column', 'p.c14.a', 'options'] },
  { what: 'a missing primary key', both: 'create table p.k1 (a int not null); alter table p.k1 add primary key (a)', plant: 'alter table p.k1 drop constraint k1_pkey', found: ['constraint', 'p.k1.k1_pkey', 'existence'], target: null },
  { what: 'a check too many', both: 'create table p.k2 (a int)', plant: 'alter table p.k2 add constraint more check (a > 0)', found: ['constraint', 'p.k2.more', 'existence'], target: 'present' },
  { what: 'the expression of a check', both: `create table p.k3 (a varchar(5), constraint c check (a in ('x', 'y')))`, plant: `alter table p.k3 drop constraint c, add constraint c check (a in ('x', 'z'))`, found: ['constraint', 'p.k3.c', 'expression'] },
  { what: 'a check not validated', both: 'create table p.k4 (a int, constraint c check (a > 0))', plant: 'alter table p.k4 drop constraint c, add constraint c check (a > 0) not valid', found: ['constraint', 'p.k4.c', 'validated'], target: 'f' },
  { what: 'the columns of a unique key', both: 'create table p.k5 (a int, b int, constraint u unique (a, b))', plant: 'alter table p.k5 drop constraint u, add constraint u unique (b, a)', found: ['constraint', 'p.k5.u', 'columns'], target: '["b","a"]' },
  { what: 'a key that is not deferrable', both: 'create table p.k6 (a int, constraint u6 unique (a) deferrable)', plant: 'alter table p.k6 drop constraint u6, add constraint u6 unique (a)', found: ['constraint', 'p.k6.u6', 'deferrable'] },
  { what: 'a key that treats nulls as equal', both: 'create table p.k7 (a int, constraint u7 unique (a))', plant: 'alter table p.k7 drop constraint u7, add constraint u7 unique nulls not distinct (a)', found: ['constraint', 'p.k7.u7', 'nulls not distinct'] },
  { what: 'the action of a foreign key', both: 'create table p.k8 (a int primary key, b int, constraint f foreign key (b) references p.k8 on delete cascade)', plant: 'alter table p.k8 drop constraint f, add constraint f foreign key (b) references p.k8', found: ['constraint', 'p.k8.f', 'on delete'], target: 'a' },
  { what: 'what a foreign key references', both: 'create table p.k9 (a int primary key, b int unique, c int, constraint f foreign key (c) references p.k9 (a))', plant: 'alter table p.k9 drop constraint f, add constraint f foreign key (c) references p.k9 (b)', found: ['constraint', 'p.k9.f', 'references'] },
  { what: 'an operator of an exclusion constraint', both: 'create table p.k10 (r int4range, constraint x10 exclude using gist (r with &&))', plant: 'alter table p.k10 drop constraint x10, add constraint x10 exclude using gist (r with =)', found: ['constraint', 'p.k10.x10', 'exclusion'] },
  { what: 'a missing index', both: 'create table p.i1 (a int); create index i1_a on p.i1 (a)', plant: 'drop index p.i1_a', found: ['index', 'p.i1.i1_a', 'existence'], target: null },
  { what: 'a unique index', both: 'create table p.i2 (a int); create index i2_a on p.i2 (a)', plant: 'drop index p.i2_a; create unique index i2_a on p.i2 (a)', found: ['index', 'p.i2.i2_a', 'unique'], target: 't' },
  { what: 'the direction of an index', both: 'create table p.i3 (a int); create index i3_a on p.i3 (a desc)', plant: 'drop index p.i3_a; create index i3_a on p.i3 (a)', found: ['index', 'p.i3.i3_a', 'ordering'] },
  { what: 'an operator class', both: 'create table p.i4 (a text); create index i4_a on p.i4 (a)', plant: 'drop index p.i4_a; create index i4_a on p.i4 (a text_pattern_ops)', found: ['index', 'p.i4.i4_a', 'operator classes'] },
  { what: 'the expression of an index', both: 'create table p.i5 (a text); create index i5_a on p.i5 (lower(a))', plant: 'drop index p.i5_a; create index i5_a on p.i5 (upper(a))', found: ['index', 'p.i5.i5_a', 'keys'] },
  { what: 'the predicate of an index', both: 'create table p.i6 (a int); create index i6_a on p.i6 (a) where a > 0', plant: 'drop index p.i6_a; create index i6_a on p.i6 (a) where a > 1', found: ['index', 'p.i6.i6_a', 'predicate'] },
  { what: 'a column that an index includes', both: 'create table p.i7 (a int, b int); create index i7_a on p.i7 (a) include (b)', plant: 'drop index p.i7_a; create index i7_a on p.i7 (a)', found: ['index', 'p.i7.i7_a', 'include'], target: null },
  { what: 'the method of an index', both: 'create table p.i8 (a int4range); create index i8_a on p.i8 using gist (a)', plant: 'drop index p.i8_a; create index i8_a on p.i8 using spgist (a)', found: ['index', 'p.i8.i8_a', 'method'] },
  { what: 'the index to cluster by', both: 'create table p.i9 (a int); create index i9_a on p.i9 (a); cluster p.i9 using i9_a', plant: 'alter table p.i9 set without cluster', found: ['index', 'p.i9.i9_a', 'clustered'] },
  { what: 'the step of a sequence', both: 'create sequence p.s1 increment 2', plant: 'alter sequence p.s1 increment 3', found: ['sequence', 'p.s1', 'increment'], target: '3' },
  { what: 'the column that owns a sequence', both: 'create table p.s2 (a serial)', plant: 'alter sequence p.s2_a_seq owned by none', found: ['sequence', 'p.s2_a_seq', 'owned by'], target: null },
  { what: 'the query of a view', both: 'create table p.v (a int); create view p.v1 as select a from p.v where a > 1', plant: 'create or replace view p.v1 as select a from p.v where a > 2', found: ['view', 'p.v1', 'definition'] },
  { what: 'an option of a view', both: 'create view p.v2 as select 1 as a', plant: 'alter view p.v2 set (security_barrier)', found: ['view', 'p.v2', 'options'] },
  { what: 'a materialized view without rows', both: 'create materialized view p.v3 as select 1 as a', plant: 'refresh materialized view p.v3 with no data', found: ['materialized view', 'p.v3', 'populated'] },
  { what: 'a missing trigger', both: 'create table p.g1 (a int); create trigger g before update on p.g1 for each row execute procedure suppress_redundant_updates_trigger()', plant: 'drop trigger g on p.g1', found: ['trigger', 'p.g1.g', 'existence'], target: null },
  { what: 'a trigger switched off', both: 'create table p.g2 (a int); create trigger g before update on p.g2 for each row execute procedure suppress_redundant_updates_trigger()', plant: 'alter table p.g2 disable trigger g', found: ['trigger', 'p.g2.g', 'enabled'], target: 'D' },
  { what: 'the condition of a trigger', both: 'create table p.g3 (a int); create trigger g before update on p.g3 for each row when (old.a > 1) execute procedure suppress_redundant_updates_trigger()', plant: 'drop trigger g on p.g3; create trigger g before update on p.g3 for each row when (new.a > 1) execute procedure suppress_redundant_updates_trigger()', found: ['trigger', 'p.g3.g', 'definition'] },
  { what: 'a rule', both: 'create table p.r1 (a int); create rule r as on delete to p.r1 do instead nothing', plant: 'create or replace rule r as on delete to p.r1 do also nothing', found: ['rule', 'p.r1.r', 'definition'] },
  { what: 'the condition of a policy', both: 'create table p.o1 (a int); create policy o on p.o1 using (a > 1)', plant: 'alter policy o on p.o1 using (a > 0)', found: ['policy', 'p.o1.o', 'using'] },
  { what: 'the roles of a policy', both: 'create table p.o2 (a int); create policy o on p.o2 to pg_monitor', plant: 'alter policy o on p.o2 to public', found: ['policy', 'p.o2.o', 'roles'] },
  { what: 'the body of a function', both: `create function p.f1(int) returns int language sql as 'select $1'`, plant: `create or replace function p.f1(int) returns int language sql as 'select $1 + 1'`, found: ['function', 'p.f1(integer)', 'body'] },
  { what: 'the volatility of a function', both: `create function p.f2() returns int language plpgsql immutable as 'begin return 1; end'`, plant: 'alter function p.f2() stable', found: ['function', 'p.f2()', 'volatility'], target: 's' },
  { what: 'a setting of a function', both: `create function p.f3() returns int language plpgsql set work_mem = '1MB' as 'begin return 1; end'`, plant: 'alter function p.f3() reset all', found: ['function', 'p.f3()', 'settings'], target: null },
  { what: 'the default of an argument', both: `create function p.f4(a int default 1) returns int language plpgsql as 'begin return a; end'`, plant: `create or replace function p.f4(a int default 2) returns int language plpgsql as 'begin return a; end'`, found: ['function', 'p.f4(integer)', 'defaults'] },
  { what: 'a function for everybody', both: `create function p.f5() returns int language plpgsql as 'begin return 1; end'; revoke execute on function p.f5() from public`, plant: 'grant execute on function p.f5() to public', found: ['function', 'p.f5()', 'privileges'] },
  { what: 'the cost of a procedure', both: `create procedure p.p1() language plpgsql as 'begin end'`, plant: 'alter procedure p.p1() security definer', found: ['procedure', 'p.p1()', 'security definer'] },
  { what: 'the initial value of an aggregate', both: `create aggregate p.a1(int) (sfunc = int4pl, stype = int, initcond = '0')`, plant: `drop aggregate p.a1(int); create aggregate p.a1(int) (sfunc = int4pl, stype = int, initcond = '1')`, found: ['aggregate', 'p.a1(integer)', 'initial value'] },
  { what: 'the labels of an enum', both: `create type p.y1 as enum ('a', 'b')`, plant: `alter type p.y1 add value 'c' before 'a'`, found: ['type', 'p.y1', 'labels'] },
  { what: 'an attribute of a composite type', both: 'create type p.y2 as (a int)', plant: 'alter type p.y2 alter attribute a type bigint', found: ['type attribute', 'p.y2.a', 'type'] },
  { what: 'the difference function of a range', both: 'create type p.y3 as range (subtype = float8)', plant: 'drop type p.y3; create type p.y3 as range (subtype = float8, subtype_diff = float8mi)', found: ['type', 'p.y3', 'subtype difference'] },
  { what: 'the default of a domain', both: 'create domain p.d1 as int default 1', plant: 'alter domain p.d1 set default 2', found: ['domain', 'p.d1', 'default'] },
  { what: 'the check of a domain', both: 'create domain p.d2 as int constraint c check (value > 0)', plant: 'alter domain p.d2 drop constraint c; alter domain p.d2 add constraint c check (value > 1)', found: ['domain constraint', 'p.d2.c', 'expression'] },
  { what: 'an operator that hashes', both: `create function p.eq(p.y2, p.y2) returns boolean language plpgsql immutable as 'begin return true; end'; create operator p.=== (leftarg = p.y2, rightarg = p.y2, procedure = p.eq)`, plant: 'drop operator p.=== (p.y2, p.y2); create operator p.=== (leftarg = p.y2, rightarg = p.y2, procedure = p.eq, hashes)', found: ['operator', 'p.===(p.y2, p.y2)', 'hashes'] },
  { what: 'the context of a cast', both: 'create type p.y4 as (a int); create cast (p.y4 as text) with inout', plant: 'drop cast (p.y4 as text); create cast (p.y4 as text) with inout as assignment', found: ['cast', 'cast(p.y4, text)', 'context'] },
  { what: 'the dictionaries of a text search configuration', both: 'create text search configuration p.ts (copy = simple)', plant: 'alter text search configuration p.ts alter mapping for word with english_stem', found: ['text search configuration', 'p.ts', 'mappings'] },
  { what: 'the kinds of a statistics object', both: 'create table p.x (a int, b int); create statistics p.x1 (ndistinct) on a, b from p.x', plant: 'drop statistics p.x1; create statistics p.x1 (mcv) on a, b from p.x', found: ['statistics object', 'p.x1', 'kinds'] },
  { what: 'a missing extension', both: 'create extension citext schema p', plant: 'drop extension citext', found: ['extension', 'citext', 'existence'], target: null },
  { what: 'an option of a foreign server', both: `create foreign data wrapper w1; create server sv1 foreign data wrapper w1 options (host 'a')`, plant: `alter server sv1 options (set host 'b')`, found: ['server', 'sv1', 'options'] },
  { what: 'a missing user mapping', both: `create server sv2 foreign data wrapper w1; create user mapping for public server sv2 options ("user" 'x', password 'secret')`, plant: 'drop user mapping for public server sv2', found: ['user mapping', 'sv2 for public', 'existence'], target: null },
  { what: 'default privileges', both: 'alter default privileges in schema p grant select on sequences to pg_monitor', plant: 'alter default privileges in schema p revoke select on sequences from pg_monitor', found: ['default privileges', 'p.S for postgres', 'existence'], target: null },
]

const expected = ({ found: [kind, object, attribute] }: Planted): string => `${kind} | ${object} | ${attribute}`
const actual = ({ kind, object, attribute }: MetadataDifference): string => `${kind} | ${object} | ${attribute}`

let result: ComparedMetadata
const open: Database[] = []

before(async () => {
  const [from, to] = [await server(13), await server(17)]
  const [source, target] = [await database(from), await database(to)]
  const both = ['create schema p', ...planted.map((row) => row.both)].filter((text) => text !== '').join(';\n')
  await Promise.all([source.sql(both), target.sql(both)])
  for (const { url, side } of [
    { url: source.url, side: 'source' as const },
    { url: target.url, side: 'target' as const },
  ]) {
    open.push(await connect(await resolveConnection({ url }, side, {}), { side, applicationName: 'metadata test' }))
  }
  const [here, there] = open
  assert.ok(here && there)
  const equal = await comparedMetadata(here, there)
  assert.deepEqual([equal.list, equal.notCompared], [[], []], 'before anything is planted')
  for (const { plant } of planted) await target.sql(plant)
  result = await comparedMetadata(here, there)
})

after(async () => {
  for (const session of open) await session.close()
})

for (const row of planted) {
  test(`finds ${row.what}`, () => {
    const hits = result.list.filter((difference) => actual(difference) === expected(row))
    assert.equal(hits.length, 1, JSON.stringify(result.list.filter(({ object }) => object === row.found[1])))
    const [hit] = hits
    if (row.target !== undefined) assert.equal(hit?.target, row.target)
    assert.notEqual(hit?.source, hit?.target)
  })
}

test('finds nothing else', () => {
  assert.deepEqual(result.list.map(actual).sort(), planted.map(expected).sort())
  assert.deepEqual(result.notCompared, [])
  assert.equal(result.differences, planted.length)
})
