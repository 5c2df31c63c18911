import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nameMapOf } from '../../src/mapping/name-map-of.ts'
import type { MigrationSpec } from '../../src/spec/migration-spec.ts'
import type { MigratedTable } from '../../src/state/migrated-table.ts'
import { capturing } from './ddl-rig.ts'
import type { CapturingRig } from './ddl-rig.ts'

type Selection = Pick<MigrationSpec, 'objects' | 'exclude'>

/** A rig whose tables go under the names of `selection`. */
async function mapped(schema: string, target: string, selection: Selection, from = 13, to = 17): Promise<CapturingRig> {
  const run = await capturing({ schema, target, from, to }, selection)
  const relations = await run.source.sql(
    `select n.nspname as schema, c.relname as name, c.relispartition::text as partition, to_json(array(select attname from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped order by attnum)) as columns,
            (select coalesce(json_agg(json_build_object('schema', m.nspname, 'name', p.relname)), '[]') from pg_inherits i join pg_class p on p.oid = i.inhparent join pg_namespace m on m.oid = p.relnamespace where i.inhrelid = c.oid) as parents
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'v') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')`,
  )
  const names = nameMapOf(
    selection,
    relations.map(({ schema, name, partition, columns, parents }) => ({
      ...{ schema: schema!, name: name!, partition: partition === 'true' },
      ...{ columns: JSON.parse(columns!) as string[], parents: JSON.parse(parents!) as { schema: string; name: string }[] },
    })),
  )
  for (const [key, table] of run.tables) {
    const { sourceSchema: schema, sourceTable: name } = table
    const to = names.relation({ schema, name })
    const columns = names.columns({ schema, name })
    const under: MigratedTable = { ...table, targetSchema: to.schema, targetTable: to.name, ...(columns ? { columns } : {}) }
    run.tables.set(key, under)
  }
  return { ...run, drain: (more = {}) => run.drain({ names, ...more }) }
}

const COLUMNS = (
  schema: string,
) => `select c.relname, a.attname, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull, pg_get_expr(d.adbin, d.adrelid) as expression
   from pg_attribute a join pg_class c on c.oid = a.attrelid left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where c.relnamespace = '${schema}'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped order by 1, a.attnum`
const PARTS = (
  schema: string,
) => `select c.relname, pg_get_indexdef(i.indexrelid) as definition from pg_index i join pg_class c on c.oid = i.indrelid where c.relnamespace = '${schema}'::regnamespace
   union all select c.relname, conname || ' ' || pg_get_constraintdef(k.oid) from pg_constraint k join pg_class c on c.oid = k.conrelid where c.relnamespace = '${schema}'::regnamespace and contype not in ('n', 'f') order by 1, 2`

for (const [from, to] of [
  [10, 18],
  [13, 17],
] as const) {
  test(`new, altered, renamed and dropped tables, their indexes and constraints under another schema's name; ${from} to ${to}`, async () => {
    const schema = `create schema app; create table app.item (id int primary key, name text); create type app.mood as enum ('sad', 'ok'); create table app.twin (id int primary key, a int)`
    const target = schema.replaceAll('app', 'sales')
    const run = await mapped(
      schema,
      target,
      { objects: [{ schema: 'app', as: 'sales' }], exclude: [{ schema: 'app', table: 'tmp_*' }] },
      from,
      to,
    )
    const steps = [
      `insert into app.item select i, 'row ' || i from generate_series(1, 20) i; insert into app.twin values (1, 1)`,
      `begin; create table app.part (id serial primary key, of int references app.item, m app.mood not null default 'ok', code varchar(5) unique check (code <> '')); insert into app.part (of, code) values (1, 'a'); commit`,
      `create index on app.part (of, lower(code)) where of > 0; insert into app.part (of) values (2)`,
      `alter table app.item add qty int not null default 3, add m app.mood default 'sad'; update app.item set qty = 4, m = 'ok' where id = 1`,
      `create index on app.item (qty); create unique index once on app.item (name); alter table app.item add constraint positive check (qty > 0), add constraint named unique using index once`,
      `alter table app.item rename constraint positive to above; alter index app.item_qty_idx rename to by_qty; update app.item set name = 'x' where id = 3`,
      `alter table app.twin add constraint low check (a < 100) not valid; alter table app.twin validate constraint low; alter table app.twin drop constraint twin_pkey, add primary key (id, a)`,
      `alter table app.item drop constraint named; drop index app.by_qty; create index by_mood on app.item (m)`,
      `alter table app.twin rename to other; insert into app.other values (2, 2); alter table app.other rename a to b; update app.other set b = 3 where id = 2`,
      `create table app.loose (a int, b text); insert into app.loose values (1, 'a'), (1, 'a'); delete from app.loose where ctid = (select min(ctid::text)::tid from app.loose)`,
      `create table app.tmp_x (a int); insert into app.tmp_x values (1); alter table app.tmp_x add b int; drop table app.tmp_x`,
      `create table public.beside (a int); insert into public.beside values (1)`,
      `create table app.brief (a int primary key); insert into app.brief values (1); drop table app.brief`,
      `alter type app.mood add value 'glad' after 'ok'; insert into app.part (of, m) values (3, 'glad')`,
    ]
    for (const step of steps.flatMap((text) => (/^(begin|do)/.test(text) ? [text] : text.split('; ')))) await run.source.sql(step)
    await run.drain({ limits: { changes: 3, bytes: 1000 } })
    assert.deepEqual([...run.tables.keys()].sort(), ['app\0item', 'app\0loose', 'app\0other', 'app\0part'])
    for (const table of ['item', 'loose', 'other', 'part'])
      assert.deepEqual(
        await run.target.sql(`select t::text as row from sales.${table} t order by 1`),
        await run.source.sql(`select t::text as row from app.${table} t order by 1`),
        table,
      )
    for (const query of [COLUMNS, PARTS]) {
      const renamed = JSON.stringify(await run.source.sql(query('app'))).replaceAll('app.', 'sales.')
      assert.deepEqual(await run.target.sql(query('sales')), JSON.parse(renamed))
    }
    assert.deepEqual(
      await run.target.sql(`select to_regclass('public.beside')::text as beside, to_regclass('sales.tmp_x')::text as excluded`),
      [{ beside: null, excluded: null }],
    )
    const keys = await run.target.sql(`select restore from pgmove.object_change where kind = 'foreign_key'`)
    assert.match(
      keys[0]?.['restore'] ?? '',
      /"sales"\."part" add constraint "?part_of_fkey"? FOREIGN KEY \(of\) REFERENCES "?sales"?\."?item"?\(id\)/,
    )
  })
}

test('a table under another name with chosen and renamed columns: what is selected follows, the rest is passed over and told', async () => {
  const schema = `create schema crm; create table crm.customers (id int primary key, email text, secret text, born date); create table crm.orders (id int primary key, customer int)`
  const target = `create schema crm; create table crm.clients (id int primary key, mail text, born date); create table crm.orders (id int primary key, customer int)`
  const objects: Selection['objects'] = [
    { schema: 'crm', table: 'customers', as: 'clients', columns: ['id', { name: 'email', as: 'mail' }, 'born'] },
    { schema: 'crm' },
  ]
  const run = await mapped(schema, target, { objects: objects, exclude: [] })
  const steps = [
    `insert into crm.customers values (1, 'a', 'x', '2000-01-01'), (2, 'b', 'y', null)`,
    `alter table crm.customers alter email set default 'none', add column later int default 3, drop column secret`,
    `create index on crm.customers (email); create index on crm.customers (later); create index lower on crm.customers (lower(email)) where born is not null`,
    `alter table crm.customers add constraint known check (email <> ''), add constraint positive check (later > 0)`,
    `insert into crm.customers (id) values (3); update crm.customers set later = 4, born = '1999-12-31' where id = 2`,
    `alter table crm.orders add foreign key (customer) references crm.customers; insert into crm.orders values (1, 1)`,
    `alter table crm.customers alter email type varchar, alter born set not null, alter email drop default`.replace(
      ', alter born set not null',
      '',
    ),
    `create table crm.notes (id int primary key, customer int references crm.customers (id), mail text); insert into crm.notes values (1, 2, 'n')`,
  ]
  for (const step of steps.flatMap((text) => text.split('; '))) await run.source.sql(step)
  await run.drain()
  assert.deepEqual(
    await run.target.sql('select id, mail, born::text from crm.clients order by 1'),
    await run.source.sql('select id, email as mail, born::text from crm.customers order by 1'),
  )
  assert.deepEqual(await run.target.sql('select * from crm.notes'), await run.source.sql('select * from crm.notes'))
  const [described] = await run.target.sql(
    `select string_agg(pg_get_indexdef(indexrelid), '; ' order by indexrelid::regclass::text) as indexes,
            (select string_agg(conname || ' ' || pg_get_constraintdef(oid), '; ' order by conname) from pg_constraint where conrelid = 'crm.clients'::regclass and contype = 'c') as checks
       from pg_index where indrelid = 'crm.clients'::regclass`,
  )
  assert.match(described?.['indexes'] ?? '', /customers_email_idx ON crm\.clients USING btree \(mail\)/)
  assert.match(described?.['indexes'] ?? '', /lower ON crm\.clients USING btree \(lower\(.*mail.*\)\) WHERE \(born IS NOT NULL\)/)
  assert.doesNotMatch(described?.['indexes'] ?? '', /later/)
  assert.match(described?.['checks'] ?? '', /^known CHECK \(\(.*mail.* <> ''/)
  const keys = await run.target.sql(`select restore from pgmove.object_change where kind = 'foreign_key' order by 1`)
  assert.equal(keys.length, 2)
  for (const { restore } of keys) await run.target.sql(restore!)
  const notes = await run.target.sql(`select object from pgmove.note where kind = 'skipped' order by 1`)
  assert.deepEqual(
    notes.map(({ object }) => object),
    ['"crm"."customers_later_idx"', '"crm"."positive"'],
  )
  // A chosen one goes as the others do.
  await run.target.sql(
    `insert into pgmove.migrated_table (id, source_schema, source_table, target_schema, target_table, columns)
     values ($1, 'crm', 'customers', 'crm', 'clients', '[["id","id"],["email","mail"],["born","born"]]')`,
    [run.id],
  )
  await run.source.sql(`alter table crm.customers drop born; insert into crm.customers (id, email) values (4, 'd')`)
  await run.drain()
  assert.deepEqual(
    await run.target.sql('select * from crm.clients order by 1'),
    await run.source.sql('select id, email as mail from crm.customers order by 1'),
  )
  const [{ columns } = { columns: null }] = await run.target.sql(
    `select columns from pgmove.migrated_table where source_table = 'customers'`,
  )
  assert.deepEqual(JSON.parse(columns ?? ''), [['id', 'id'], ['email', 'mail']]) // prettier-ignore
  // What a chosen column is called nobody decides but the spec.
  await run.source.sql(`alter table crm.customers rename email to address; insert into crm.customers (id) values (5)`)
  await assert.rejects(run.drain(), { kind: 'UnsupportedDdl' })
})
