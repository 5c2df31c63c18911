import assert from 'node:assert/strict'
import test from 'node:test'
import { unknownObjects } from '../../src/precheck/run-precheck.ts'
import { precheckPair } from '../precheck-run.ts'
import type { PrecheckPair } from '../precheck-run.ts'

const SOURCE = `
create schema app; create schema old;
create table app.users (id int primary key, email text not null unique, secret text, full_name text generated always as (email || secret) stored);
create table app.clients (id int primary key);
create table old.users (id int primary key);
create type old.state as enum ('on'); create type app.state as enum ('on', 'off');
create function app.f(int) returns int language sql as 'select $1';
create function old.f(int) returns int language sql as 'select $1';
create table app.log (id int, at date, note text) partition by range (at);
create table app.log_1 partition of app.log for values from ('2020-01-01') to ('2030-01-01');
create table app.base (id int, note text);
create table app.child (more int) inherits (app.base);
create view app.mails as select email from app.users;
create function app.g(int) returns void language plpgsql as $$
begin
  delete from app.log where at is null;
end $$;
`

const pair: Promise<PrecheckPair> = precheckPair(13, 17).then(async (made) => {
  await made.source.sql(SOURCE)
  return made
})

test('two objects under one name are found, whatever kind they are', async () => {
  const both = await pair
  const objects = [{ schema: 'app' }, { schema: 'app', table: 'users', as: 'clients' }]
  const clash = (await both.check({ objects }))['mapped_names']
  assert.equal(clash?.status, 'Failed')
  assert.deepEqual(clash.objects, ['table "app"."clients" and table "app"."users": "app"."clients"'])

  const merged = (await both.check({ objects: [{ schema: 'old', as: 'app' }, { schema: 'app', table: 'users' }] }))['mapped_names'] // prettier-ignore
  assert.equal(merged?.status, 'Failed')
  assert.deepEqual(merged.objects, [
    'index "app"."users_pkey" and index "old"."users_pkey": "app"."users_pkey"',
    'table "app"."users" and table "old"."users": "app"."users"',
  ])

  const swap = [{ schema: 'app' }, { schema: 'app', table: 'users', as: 'clients' }, { schema: 'app', table: 'clients', as: 'users' }]
  assert.equal((await both.check({ objects: swap }))['mapped_names']?.status, 'Passed')
  assert.equal((await both.check({ objects: [{ schema: 'app', as: 'old' }, { schema: 'old', as: 'app' }] }))['mapped_names']?.status, 'Passed') // prettier-ignore
  assert.equal((await both.check())['mapped_names'], undefined)
})

test('names that something else has on the target, and missing rights on the target schema, are found', async () => {
  const both = await pair
  const { target } = both
  await target.sql(`create schema sales; create table sales.other (id int); create index users_pkey on sales.other (id);
    create type sales.clients as enum ('a'); create view sales.log as select 1 as one; create role pl_plain login`)
  try {
    const objects = [
      { schema: 'app', as: 'sales' },
      { schema: 'app', table: 'users', as: 'people' },
    ]
    const items = await both.check({ objects })
    assert.equal(items['mapped_names']?.status, 'Failed')
    assert.deepEqual(items['mapped_names'].objects, [
      'index "app"."users_pkey": "sales"."users_pkey" is an index of another table on the target',
      'table "app"."clients": "sales"."clients" is a type on the target',
      'table "app"."log": "sales"."log" is a view on the target',
    ])
    const create = (await both.check({ objects }, { target: 'pl_plain' }))['target_create']
    assert.equal(create?.status, 'Failed')
    assert.match(create.fix, /grant create, usage on schema "sales" to "pl_plain"/)
    const elsewhere = (await both.check({ objects: [{ schema: 'app', as: 'new' }] }, { target: 'pl_plain' }))['target_create']
    assert.match(elsewhere?.fix ?? '', /grant create on database/)
    assert.deepEqual(elsewhere?.objects, [])
  } finally {
    await target.sql('drop schema sales cascade')
    await target.sql('drop role pl_plain')
  }
})

test('columns that the table needs are named when they are left out', async () => {
  const both = await pair
  const objects = [
    { schema: 'app', table: 'users', columns: ['email', 'full_name'] },
    { schema: 'app', table: 'log', columns: ['id'] },
    { schema: 'app', table: 'base', columns: [{ name: 'id', as: 'no' }] },
    { schema: 'app', table: 'child', columns: ['id', 'note', 'more'] },
  ]
  const items = await both.check({ objects })
  assert.equal(items['mapped_columns']?.status, 'Failed')
  assert.deepEqual([...items['mapped_columns'].objects].sort(), [
    '"app"."child"."id" is called "id", and called "no" in "app"."base", from which it is inherited',
    '"app"."child"."note" is called "note", and left out in "app"."base", from which it is inherited',
    '"app"."log"."at" is left out, and belongs to the partition key',
    '"app"."users"."secret" is left out, and "full_name" is generated from it',
  ])
  assert.equal(items['replica_identity']?.status, 'Warning')
  assert.match(items['replica_identity'].found, /of 1 the key is not selected/)
  const fine = await both.check({ objects: [{ schema: 'app', table: 'base', columns: [{ name: 'id', as: 'no' }, 'note'] }, { schema: 'app', table: 'child' }] }) // prettier-ignore
  assert.equal(fine['mapped_columns']?.status, 'Passed')
})

test('without the type schema, tables and columns are matched by their mapped names', async () => {
  const both = await pair
  const { target } = both
  await target.sql(`create schema sales; create table sales.people (no int primary key, mail text not null unique, extra text)`)
  try {
    const entry = { schema: 'app', table: 'users', as: 'people' }
    const objects = [
      { schema: 'app', as: 'sales' },
      {
        ...entry,
        columns: [
          { name: 'id', as: 'no' },
          { name: 'email', as: 'mail' },
        ],
      },
    ]
    const exclude = ['clients', 'log', 'base', 'child'].map((table) => ({ schema: 'app', table }))
    const spec = { types: ['full' as const, 'incremental' as const], objects, exclude }
    assert.equal((await both.check(spec))['target_tables']?.status, 'Passed')
    assert.equal((await both.check(spec))['target_differences']?.status, 'Passed')
    const missing = await both.check({
      ...spec,
      objects: [
        { schema: 'app', as: 'sales' },
        { ...entry, as: 'nobody' },
      ],
    })
    assert.deepEqual(missing['target_tables']?.objects, ['"app"."users" is missing as "sales"."nobody"'])
    const column = await both.check({
      ...spec,
      objects: [
        { schema: 'app', as: 'sales' },
        { ...entry, columns: ['id', { name: 'email', as: 'mail' }] },
      ],
    })
    assert.deepEqual(column['target_tables']?.objects, [
      '"app"."users": column "id" is missing',
      '"app"."users": column "no" is not on the source and needs a value',
      '"app"."users": "people_pkey" is a unique or exclusion constraint that the source does not have',
    ])
  } finally {
    await target.sql('drop schema sales cascade')
  }
})

test('columns that are not there, or belong to a view, are problems of the spec', async () => {
  const source = await (await pair).session('source')
  const objects = [
    { schema: 'app', table: 'users', columns: ['id', { name: 'nmae', as: 'x' }] },
    { schema: 'app', table: 'mails', columns: ['email'] },
    { schema: 'app', table: 'log_1', as: 'first' },
  ]
  assert.deepEqual(await unknownObjects(source, { objects, exclude: [] }), [
    { path: '$.objects[0].columns[1]', found: '"nmae"', expected: 'a column of "users"' },
    { path: '$.objects[1].columns', found: 'columns of the view "mails"', expected: '"columns" only for a table' },
    { path: '$.objects[2].table', found: '"log_1"', expected: 'the partitioned table, not its partition' },
  ])
})

test('bodies that mention mapped names warn with function and line', async () => {
  const both = await pair
  const objects = [{ schema: 'app' }, { schema: 'app', table: 'log', as: 'journal' }]
  const items = await both.check({ objects })
  assert.equal(items['mapped_names_in_functions']?.status, 'Warning')
  assert.match(items['mapped_names_in_functions'].objects.join(), /app\.g\(integer\), line 3: mentions app\.log, which is app\.journal/)
  const other = [{ schema: 'app' }, { schema: 'app', table: 'clients', as: 'people' }]
  assert.equal((await both.check({ objects: other }))['mapped_names_in_functions']?.status, 'Passed')
})
