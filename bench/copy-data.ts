import type { Session } from '../demo/session.ts'
import { makeManyTables } from './many-tables.ts'

const MANY_TABLES = 2000
const ROWS_EACH = 100
const BIG_ROWS = 10_000_000

/** 1.6 GB at scale 1: what pgbench makes at its scale 60, 2,000,000 wide rows with 4 indexes, 500,000 rows without a key. */
export async function loadMix(session: Session, scale: number): Promise<void> {
  const rows = (n: number): number => Math.max(1, Math.round(n * scale))
  await session.query(`
    create table public.branches (bid int not null, bbalance int, filler char(88));
    create table public.tellers (tid int not null, bid int, tbalance int, filler char(84));
    create table public.accounts (aid int not null, bid int, abalance int, filler char(84)) with (fillfactor = 100);
    create table public.history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
    insert into public.branches select i, 0, '' from generate_series(1, ${rows(60)}) i;
    insert into public.tellers select i, i / 10, 0, '' from generate_series(1, ${rows(600)}) i;
    insert into public.accounts select i, i / 100000, 0, '' from generate_series(1, ${rows(6_000_000)}) i;
    alter table public.branches add primary key (bid);
    alter table public.tellers add primary key (tid);
    alter table public.accounts add primary key (aid);
    create table public.wide (id bigint primary key, owner uuid not null, mail text not null, amount numeric(12, 2), at timestamptz not null, payload jsonb, note text);
    insert into public.wide
      select i, md5(i::text)::uuid, 'user' || i || '@example.org', i / 7.0, timestamptz '2026-01-01 00:00:00+00' + i * interval '1 second',
             jsonb_build_object('n', i, 'tag', 'tag ' || i % 100), repeat(md5(i::text), 3)
        from generate_series(1, ${rows(2_000_000)}) i;
    create index on public.wide (owner);
    create index on public.wide (mail);
    create index on public.wide (at, amount);
    create table public.journal (at timestamptz, line text);
    insert into public.journal select timestamptz '2026-01-01 00:00:00+00' + i * interval '1 second', repeat('line ' || i, 10) from generate_series(1, ${rows(500_000)}) i`)
  await session.query('vacuum (analyze)')
}

/** 2,000 tables of 100 rows, with a primary key and two more indexes each. */
export async function loadTables(session: Session, scale: number): Promise<void> {
  await makeManyTables(session, Math.max(1, Math.round(MANY_TABLES * scale)), ROWS_EACH)
  await session.query('vacuum (analyze)')
}

/** One table of 10,000,000 rows and nothing else. */
export async function loadBigTable(session: Session, scale: number): Promise<void> {
  await session.query(`
    create table public.big (id bigint primary key, a int, b text, c timestamptz);
    insert into public.big select i, i % 1000, md5(i::text), timestamptz '2026-01-01 00:00:00+00' + i * interval '1 second'
      from generate_series(1, ${Math.max(1, Math.round(BIG_ROWS * scale))}) i`)
  await session.query('vacuum (analyze)')
}

/** Every table of the schema `public` with its number of rows and a fingerprint of them, whatever their order, and its indexes. */
export async function everything(session: Session): Promise<string> {
  const tables = await session.query(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'public' order by 1`,
  )
  const prints: string[] = []
  for (let at = 0; at < tables.length; at += 100) {
    const parts = tables
      .slice(at, at + 100)
      .map(
        ({ name }) =>
          `select '${name ?? ''} ' || count(*) || ' ' || coalesce(sum(('x' || left(md5(t::text), 15))::bit(60)::bigint), 0) as print from ${name ?? ''} t`,
      )
    for (const row of await session.query(parts.join(' union all '))) prints.push(row['print'] ?? '')
  }
  for (const row of await session.query(`select indexdef from pg_indexes where schemaname = 'public' order by 1`))
    prints.push(row['indexdef'] ?? '')
  return prints.sort().join('\n')
}
