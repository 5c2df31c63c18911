import assert from 'node:assert/strict'
import test from 'node:test'
import { readLeftOutColumns } from '../../src/mapping/left-out-columns.ts'
import { readSourceNameMap } from '../../src/mapping/read-name-map.ts'
import { readRenamingParts } from '../../src/schema/read-renaming-parts.ts'
import { rewriteDefinition } from '../../src/mapping/rewrite-definition.ts'
import type { MigrationSpec } from '../../src/spec/migration-spec.ts'
import { comparedMetadata } from '../metadata-run.ts'
import type { ComparedMetadata } from '../metadata-run.ts'
import { schemaRun } from './schema-run.ts'
import type { SchemaRun } from './schema-run.ts'

const SOURCE = `
create schema app;
create schema other;
create type app.state as enum ('new', 'old');
create domain app.positive as int check (value > 0);
create function app.twice(a int) returns int language sql immutable as 'select a * 2';
create table app.users (
  id serial primary key, email text not null, secret text, state app.state default 'new', amount app.positive,
  constraint mails unique (email), constraint has_at check (email like '%@%'), constraint long check (length(secret) > 3)
);
create index by_mail on app.users (lower(email)) where email <> '' and state = 'new';
create index by_secret on app.users (secret);
create table app.orders (id int primary key, buyer int references app.users, total int default app.twice(2));
create view app.buyers as select u.id, u.email, count(*) as n from app.users u join app.orders o on o.buyer = u.id group by u.id;
create view app.one as select email, id from app.users where state = 'new';
create view app.secrets as select secret from app.users;
create materialized view app.totals as select buyer, sum(total) as total from app.orders group by buyer;
create function app.audit() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger audited before update of email on app.users for each row when (old.email <> new.email) execute procedure app.audit();
alter table app.users enable row level security;
create policy own on app.users using (email = current_user);
create rule quiet as on delete to app.orders where old.total = 0 do instead nothing;
create table app.events (day date, kind text) partition by list (kind);
create table app.events_a partition of app.events for values in ('a');
create table other.ignored (id int);
create view other.depends as select id from other.ignored;
`

async function compared(run: SchemaRun, spec: Pick<MigrationSpec, 'objects' | 'exclude'>): Promise<ComparedMetadata> {
  const map = await readSourceNameMap(run.source, spec)
  const leftOut = await readLeftOutColumns(run.source, map)
  return comparedMetadata(run.source, run.target, {
    spec: { ...spec, roles: { map: {}, grants: 'keep' } },
    map,
    rewrite: (definition) => rewriteDefinition(definition, map, { leftOut }).definition,
    byRenaming: await readRenamingParts(run.source, run.target, map),
  })
}

const line = ({ kind, object, attribute }: { kind: string; object: string; attribute: string }): string => `${kind} ${object} ${attribute}`

test('schemas, tables and columns under other names, and columns that are left out, are no difference', async () => {
  const run = await schemaRun(13, 17, SOURCE)
  const spec = {
    objects: [
      { schema: 'app', as: 'sales' },
      { schema: 'app', table: 'users', as: 'clients', columns: ['id', { name: 'email', as: 'mail' }, 'state', 'amount'] },
      { schema: 'app', table: 'events', columns: [{ name: 'kind', as: 'sort' }, 'day'] },
    ],
    exclude: [],
  }
  await run.dump(spec)
  await run.restore()
  await run.target.query('refresh materialized view sales.totals')
  const equal = await compared(run, spec)
  assert.deepEqual([equal.list, equal.notCompared], [[], []])
  assert.equal(equal.compared['table'], 4)
  assert.equal(equal.compared['view'], 2)

  // Planted under the target's names, each of which only a comparison after mapping finds.
  await run.target.query(`
    alter table sales.clients alter mail drop not null;
    alter table sales.clients drop constraint has_at, add constraint has_at check (mail like '%#%');
    create or replace view sales.one as select mail as email, id from sales.clients where state = 'old';
    drop index sales.by_mail; create index by_mail on sales.clients (upper(mail)) where mail <> '' and state = 'new';
    alter policy own on sales.clients using (mail <> current_user);
    alter table sales.orders alter total set default sales.twice(3);
    alter type sales.state rename value 'old' to 'ancient'`)
  const found = await compared(run, spec)
  assert.deepEqual(found.list.map(line).sort(), [
    'column sales.clients.mail not null',
    'column sales.orders.total default',
    'constraint sales.clients.has_at expression',
    'index sales.clients.by_mail keys',
    'policy sales.clients.own using',
    'type sales.state labels',
    'view sales.one definition',
  ])
})

test('what is not selected is not compared, and what a selected table needs is', async () => {
  const run = await schemaRun(13, 17, SOURCE)
  const spec = { objects: [{ schema: 'app', table: 'users' }], exclude: [] }
  await run.dump(spec)
  await run.restore()
  await run.target.query('create table app.own (id int)')
  const equal = await compared(run, spec)
  assert.deepEqual([equal.list, equal.notCompared], [[], []])
  assert.deepEqual([equal.compared['table'], equal.compared['type'], equal.compared['domain']], [1, 1, 1])
  await run.target.query('alter domain app.positive set default 3')
  assert.deepEqual((await compared(run, spec)).list.map(line), ['domain app.positive default'])
})
