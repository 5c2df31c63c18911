import { database, server } from './servers.ts'
import type { TestDatabase, ServerOptions } from './servers.ts'

/** A source small enough for tests that are about something else than its objects. */
const OBJECTS = `
create table customers (id serial primary key, mail text not null unique, note text);
create table orders (id bigint generated always as identity primary key, customer int not null references customers on delete cascade, total numeric not null);
create table journal (line text);
create view totals as select customer, sum(total) as total from orders group by customer;
create function count_order() returns trigger language plpgsql as $$ begin insert into journal values ('order ' || new.id); return null; end $$;
create trigger orders_count after insert on orders for each row execute procedure count_order();
insert into customers (mail, note) select 'c' || i || '@example.org', repeat('x', i % 100) from generate_series(1, 500) i;
insert into orders (customer, total) select 1 + i % 500, i from generate_series(1, 2000) i;
`

export interface SmallPair {
  readonly source: TestDatabase
  readonly target: TestDatabase
}

/** A filled source and an empty target on shared servers. */
export async function smallPair(from = 13, to = 17, options: ServerOptions = {}): Promise<SmallPair> {
  const source = await database(await server(from, options))
  const target = await database(await server(to))
  await fillSmallSource(source)
  return { source, target }
}

/** For a source on a server of the test's own. */
export async function fillSmallSource(source: TestDatabase): Promise<void> {
  await source.sql(OBJECTS)
}

/** Fingerprints of the tables' rows, to be equal on both sides. */
export async function contents(of: TestDatabase): Promise<Record<string, string | null>[]> {
  return of.sql(`
    select 'customers' as name, count(*) as rows, md5(string_agg(t::text, ',' order by t::text collate "C")) as hash from customers t
    union all select 'orders', count(*), md5(string_agg(t::text, ',' order by t::text collate "C")) from orders t
    union all select 'journal', count(*), md5(string_agg(t::text, ',' order by t::text collate "C")) from journal t`)
}

/** What pgmove would leave on a source. */
export async function remains(of: TestDatabase): Promise<string[]> {
  const rows = await of.sql(`
    select 'slot ' || slot_name as line from pg_replication_slots where database = current_database()
    union all select 'publication ' || pubname from pg_publication
    union all select 'schema ' || nspname from pg_namespace where nspname = 'pgmove'
    union all select 'replica identity of ' || relname from pg_class where relreplident <> 'd' and relkind in ('r', 'p') and relnamespace = 'public'::regnamespace`)
  return rows.map(({ line }) => line ?? '')
}
