import assert from 'node:assert/strict'
import test from 'node:test'
import { rig } from './apply-rig.ts'

const LIMIT = { timeout: 120_000 }

for (const { from, to } of [
  { from: 13, to: 17 },
  { from: 10, to: 18 },
]) {
  test(`${from} to ${to}: one transaction with 5,000 savepoints, half of them rolled back, and rows of 10 MB`, LIMIT, async () => {
    const db = await rig({
      from,
      to,
      schema: `create table t (id int primary key, v int not null, unique (v) deferrable initially deferred); create table bare (v int, note text);
        alter table bare replica identity full; create table wide (id int primary key, body text not null, note text); alter table wide alter body set storage external`,
    })
    await db.source.sql(
      `insert into t select i, i from generate_series(1, 1000) i; insert into bare select i % 10, 'n' from generate_series(1, 100) i`,
    )
    // Every block with an exception handler is a savepoint; each changes rows of the ones before it, so that one too many or too few shows.
    await db.source.sql(`do $$ begin
      for i in 1..5000 loop
        begin
          insert into t values (1000 + i, 1000 + i);
          update t set v = v + 100000 where id = 1 + i % 1000;
          if i % 5 = 0 then delete from t where id = 1000 + i; end if;
          if i % 7 = 0 then update t set id = -id where id = 1000 + i; end if;
          if i % 100 = 0 then update bare set note = note || i where v = i / 100 % 10; end if;
          if i % 2 = 1 then raise exception 'rolled back'; end if;
        exception when raise_exception then
          null;
        end;
      end loop;
    end $$`)
    // 10 MB go out of line, and through the stream, as they are.
    await db.source.sql(`insert into wide select i, b.body || i, 'first' from generate_series(1, 4) i,
      (select string_agg(md5(n::text), '') as body from generate_series(1, 320000) n) b`)
    await db.source.sql(
      `begin; update wide set note = 'only the note' where id = 1; savepoint a; update wide set body = 'gone' || body where id = 2; rollback to a;
       update wide set body = body || 'longer' where id = 3; update wide set id = 5 where id = 4; delete from wide where id = 2; commit`,
    )
    await db.drain()
    const [moved] = await db.target.sql(`select count(*) as n, sum(v)::text as v from t`)
    assert.deepEqual(moved, (await db.source.sql(`select count(*) as n, sum(v)::text as v from t`))[0])
    const figures = `select id, note, length(body) as length, md5(body) as body from wide order by id`
    const rows = await db.source.sql(figures)
    assert.deepEqual(
      rows.map(({ id, note, length }) => [id, note, length]),
      [
        ['1', 'only the note', '10240001'],
        ['3', 'first', '10240007'],
        ['5', 'first', '10240001'],
      ],
    )
    assert.deepEqual(await db.target.sql(figures), rows)
    db.tables.delete('public\0wide')
    await db.equal()
  })
}
