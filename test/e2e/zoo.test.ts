import assert from 'node:assert/strict'
import test from 'node:test'
import { sharedMigration } from '../migration-run.ts'
import { database, server } from '../servers.ts'
import { zoo } from '../zoo/zoo.ts'

const ROWS = `
  insert into zoo.animals (mood, weight, name, twice, reach) select case i % 3 when 0 then 'angry' else 'calm' end::zoo.mood, 1 + i, 'animal ' || i, i, zoo.span(i, i + 0.5)
    from generate_series(1, 50) i;
  insert into zoo.adopted (twofold, id, a) values ('t', 7, 'a');
  insert into zoo.child (id, a, b, twofold, own) values (8, 'a', 'b', 't', 1);
  insert into zoo.visits (day, kind, visitor, note) values ('2019-05-05', 'day', 1, 'old'), ('2020-05-05', 'day', 2, 'x'), ('2020-05-06', 'night', 3, 'y');
  insert into zoo.ring_a (id) values (1); insert into zoo.ring_b (a) values (1);
  insert into zoo.keeps (animal, code) values (3, 'c');
  insert into zoo.identities (c) values (1);
  insert into zoo.typed values (1, 2, 'z');
  insert into "Reptile ""House"""."Snake's" values ('calm', 1);
  insert into zoo.extended values (1, 'b=>2', 'Key', 'a.b');
  refresh materialized view zoo.counts; refresh materialized view zoo.counts_sum; refresh materialized view zoo.counts_third;
  refresh materialized view zoo.by_key; refresh materialized view zoo.above_key`

const READ = `
  select (select string_agg(mood || n::text, ',' order by mood) from zoo.counts) as counts, (select n || ' ' || mood from zoo.counts_sum) as sum,
    (select n from zoo.counts_third) as third, (select n::text from zoo.above_key) as above,
    (select string_agg(a::text, ';') from zoo.adopted a) is not null as adopted,
    (select twofold || id || a from zoo.adopted) as adopted_values, (select string_agg(concat(day, kind, visitor, note), ',' order by day, kind) from zoo.visits) as visits,
    (select md5(string_agg(a::text, '' order by id)) from zoo.animals a) as animals, (select string_agg(concat(h, '|', c, '|', path), ',') from zoo.extended) as extended,
    (select string_agg(format('%s%s', x, "Z"), ',') from zoo.typed) as typed, (select string_agg(s::text, ',') from "Reptile ""House"""."Snake's" s) as snakes,
    (select string_agg(relname || relispopulated, ',' order by relname) from pg_class where relkind = 'm') as populated,
    (select last_value from zoo.animals_id_seq) as sequence,
    (select string_agg(tgname || tgenabled::text, ',' order by tgrelid::regclass::text, tgname) from pg_trigger
      where tgfoid::regproc::text like 'zoo.%') as triggers,
    (select string_agg(rulename || ev_enabled::text, ',' order by rulename) from pg_rewrite r join pg_class c on c.oid = r.ev_class where c.relnamespace = 'zoo'::regnamespace) as rules`

test('13 to 17: a database with every kind of object, while it is written to', { timeout: 240_000 }, async () => {
  const [source, target] = [await database(await server(13)), await database(await server(17))]
  await source.sql(zoo(13))
  await source.sql(ROWS)
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const running = await migration.start({ ignoreWarnings: true })
  await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
  await source.sql(`insert into zoo.animals (mood, name, twice, reach) values ('calm', 'late', 100, zoo.span(100, 101)); update zoo.adopted set a = 'changed'; delete from zoo.visits where visitor = 3;
    insert into zoo.child (id, a, own) values (9, 'late', 2)`)
  for (const view of ['counts', 'counts_sum', 'counts_third', 'by_key', 'above_key']) await source.sql(`refresh materialized view zoo.${view}`)
  await running.signal('cutover')
  const report = await running.result()
  assert.deepEqual(report.left, [])
  assert.deepEqual(await target.sql(READ), await source.sql(READ))
}) // prettier-ignore
