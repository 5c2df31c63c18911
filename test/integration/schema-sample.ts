/** A database with objects of most kinds, in the words of every version from `major` on. */
export function sampleDatabase(major: number): string {
  return `
create schema app;
create schema report;
create schema empty;
comment on schema app is 'the shop';
create type app.state as enum ('new', 'pa''id', 'Ü"');
create domain app.email as text constraint has_at check (value like '%_@_%');
create type app.pair as (a int, b app.state[]);
create type app.floatrange as range (subtype = float8);
create sequence app.invoice start 1000 increment -5 maxvalue 1000 cycle;
create function app.add(app.pair, app.pair) returns app.pair language sql immutable as 'select row($1.a + $2.a, $1.b)::app.pair';
create operator app.+ (leftarg = app.pair, rightarg = app.pair, procedure = app.add);
create aggregate app.total (app.pair) (sfunc = app.add, stype = app.pair);
create cast (app.pair as text) with inout;
create collation app.german (locale = 'C');
create text search configuration app.plain (copy = pg_catalog.simple);

create table app.customers (
  id bigserial primary key, email app.email not null unique, name text collate app.german not null default 'no -- name',
  profile jsonb not null default '{}', at timestamptz not null default '2024-02-03 04:05:06+00'
);
create index on app.customers (lower(name), (profile ->> 'x') desc nulls last) where at > '2024-01-01 00:00:00+00';
comment on column app.customers.profile is 'free; form''s';
create table app.orders (
  id bigint generated always as identity (start 7 increment 3), customer bigint, state app.state default 'new', invoice bigint default nextval('app.invoice'),
  during tstzrange, constraint "PK of orders" primary key (id), unique (invoice) deferrable initially deferred,
  exclude using gist (during with &&), check (invoice > 0) not valid
);
alter table app.orders add constraint no_customer foreign key (customer) references app.customers on delete cascade on update set null;
comment on constraint no_customer on app.orders is 'comment of a key';
create table app.lines (
  "order" bigint references app.orders on delete restrict, line int, kind text, parent_order bigint, parent_line int,
  primary key ("order", line),
  constraint tree foreign key (parent_order, parent_line) references app.lines match full deferrable initially deferred
);
alter table app.lines add constraint old_rows foreign key ("order") references app.orders (id) not valid;
create table app.parent (a int check (a > 0), b int);
create table app.child (c int) inherits (app.parent);
create unlogged table app.scratch (x int, y int);
alter table app.scratch replica identity full;
create table app.by_index (id int not null, v text);
create unique index by_index_id on app.by_index (id);
alter table app.by_index replica identity using index by_index_id;
alter table app.by_index cluster on by_index_id;
create statistics app.correlated (dependencies) on x, y from app.scratch;

create table app.events (day date not null, kind text not null, n bigint) partition by range (day);
create table app.events_2024 partition of app.events for values from ('2024-01-01') to ('2025-01-01');
create table app.events_2025 partition of app.events for values from ('2025-01-01') to ('2026-01-01') partition by list (kind);
create table app.events_2025_a partition of app.events_2025 for values in ('a', 'b,''c');
${
  major >= 11
    ? `
alter table app.events add primary key (day, kind);
create index events_n on app.events (n);
alter table app.events add foreign key (n) references app.customers on delete set null;
create table app.covering (a int, b int, unique (a) include (b));
create procedure app.do_it() language sql as 'select 1';
`
    : 'alter table app.events_2024 add primary key (day, kind);'
}
${major >= 12 ? 'create table app.generated (a int, b int generated always as (a * 2) stored);' : ''}

create function app.audit() returns trigger language plpgsql as $$ begin return null; end $$;
create trigger usual after insert or update or delete on app.orders for each row execute procedure app.audit();
create trigger silent before update of invoice on app.orders for each row when (old.invoice > 3) execute procedure suppress_redundant_updates_trigger();
create trigger on_replica after update on app.orders for each statement execute procedure app.audit();
create trigger always after update on app.orders for each statement execute procedure app.audit();
create constraint trigger late after insert on app.orders deferrable initially deferred for each row execute procedure app.audit();
alter table app.orders disable trigger silent;
alter table app.orders enable replica trigger on_replica;
alter table app.orders enable always trigger always;
comment on trigger usual on app.orders is 'audits';
create rule notify_of as on insert to app.lines do also notify lines;
create rule quiet as on delete to app.lines do instead nothing;
alter table app.lines disable rule quiet;
alter table app.lines enable row level security;
alter table app.lines force row level security;
create policy mine on app.lines for update using (line > 0) with check (line > 1);
comment on policy mine on app.lines is 'own lines';

create view report.orders as select o.id, o.state, c.email from app.orders o join app.customers c on c.id = o.customer;
create view report.new_orders with (security_barrier) as select * from report.orders where state = 'new' with check option;
create view report.by_key as select c.*, count(*) as orders from app.customers c join app.orders o on o.customer = c.id group by c.id;
create materialized view report.by_key_kept as select c.id, c.name, count(*) as n from app.customers c group by c.id;
create index on report.by_key_kept (n);
create materialized view report.sums as select "order", sum(line) as lines from app.lines group by 1;
create unique index on report.sums ("order");
create function app.redirect() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger redirected instead of insert on report.orders for each row execute procedure app.redirect();
set check_function_bodies = off;
create function app.early(bigint) returns bigint language sql as 'select count(*) from report.later where id = $1';
create table report.later (id bigint default app.early(1));
set check_function_bodies = on;

create schema "quo""te; -- \\";
create table "quo""te; -- \\"."new
line" ("tab	'b'" int primary key, "%s $1" "app"."state" default 'Ü"', "\\" text default E'a\\\\b\\n''c');
create index "index ""of"" new
line" on "quo""te; -- \\"."new
line" ("\\");
comment on column "quo""te; -- \\"."new
line"."\\" is E'back\\\\slash $$ ''quoted''';
create table public.plain (id int primary key);
grant select on public.plain to public;
grant select (id) on app.orders to public;
revoke execute on function app.audit() from public;
alter default privileges in schema app grant select on tables to public;
`
}
