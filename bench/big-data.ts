import type { Session } from '../demo/session.ts'

/** Names of the tables; `account` is what the application writes to all the time. */
export const TABLES = ['wide', 'event', 'account'] as const

const WIDE_ROWS = 1_000_000
const CHANGES = 1_000_000
const BATCHES = 1000

/**
 * `wide` is 2 GB of rows just under 2 kB, none of them compressed or stored out of line, so that COPY's bytes are as many; among
 * them a few of 8 MB. `event` is what the one big transaction changes.
 */
export async function loadBigData(session: Session, scale: number): Promise<void> {
  const events = (CHANGES / BATCHES) * 0.6 * Math.max(1, Math.round(BATCHES * scale))
  await session.query(`
    create table public.wide (id bigint primary key, at timestamptz not null, body text not null, tail jsonb);
    create table public.event (id bigint primary key, kind int not null, amount numeric(12, 2), note text, payload jsonb);
    create index event_kind on public.event (kind);
    create table public.account (id int primary key, balance bigint not null);
    insert into public.account select i, 1000 from generate_series(1, 1000) i;
    insert into public.wide
      select i, timestamptz '2026-01-01 00:00:00+00' + i * interval '1 second', repeat(md5(i::text), 59), jsonb_build_object('id', i)
        from generate_series(1, ${Math.round(WIDE_ROWS * scale)}) i;
    insert into public.wide select -i, now(), (select string_agg(md5((i * 1000000 + n)::text), '') from generate_series(1, 250000) n), null
      from generate_series(1, 4) i;
    insert into public.event select i, i % 50, i / 7.0, 'note ' || md5(i::text), jsonb_build_object('step', 0, 'text', repeat('x', (i % 200)::int))
      from generate_series(1, ${events}) i`)
  await session.query('vacuum (analyze) public.wide')
  await session.query('vacuum (analyze) public.event')
}

/** One transaction of 1,000,000 row changes: 40 % inserts, 35 % updates, 25 % deletes, in turns. */
export async function bigTransaction(session: Session, scale: number): Promise<number> {
  const batches = Math.max(1, Math.round(BATCHES * scale))
  const size = CHANGES / BATCHES
  const [inserts, updates, deletes] = [0.4 * size, 0.35 * size, 0.25 * size]
  const seeded = 0.6 * size * batches
  await session.query(`do $$ begin
    for b in 0..${batches - 1} loop
      insert into public.event select ${seeded} + b * ${inserts} + i, i % 50, i, 'new ' || md5(i::text), jsonb_build_object('batch', b, 'text', repeat('y', i % 200))
        from generate_series(1, ${inserts}) i;
      update public.event set amount = amount + 1, payload = payload || '{"step": 1}' where id > b * ${0.6 * size} and id <= b * ${0.6 * size} + ${updates};
      delete from public.event where id > b * ${0.6 * size} + ${updates} and id <= (b + 1) * ${0.6 * size};
    end loop; end $$`)
  return batches * (inserts + updates + deletes)
}

/** Bytes of the table, and a fingerprint of every table's rows, whatever their order. */
export async function fingerprints(session: Session): Promise<Record<string, string>> {
  const prints: Record<string, string> = {}
  for (const table of TABLES) {
    const [row] = await session.query(
      `select count(*) || ' rows, ' || coalesce(sum(('x' || left(md5(t::text), 15))::bit(60)::bigint), 0) as print from public.${table} t`,
    )
    prints[table] = row?.['print'] ?? ''
  }
  return prints
}
