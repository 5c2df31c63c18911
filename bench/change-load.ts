import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Session } from '../demo/session.ts'
import { withSession } from '../demo/session.ts'
import { clientProgram } from '../src/postgres/client-program.ts'

const run = promisify(execFile)

const WIDE_ROWS = 300_000
const TRANSACTIONS = 120_000
const HOT_ROWS = 1000
const HOT_UPDATES = 500_000
const CLIENTS = 8

/** The tables that the change streams write to. */
export const CHANGED_TABLES = [
  'pgbench_accounts',
  'pgbench_branches',
  'pgbench_tellers',
  'pgbench_history',
  'wide',
  'hot',
  'finished',
] as const

const row = (i: string, note: string): string =>
  `${i}, ${i} % 50, ${i} / 7.0, '${note} ' || md5((${i})::text), timestamptz '2026-01-01 00:00:00+00' + ${i} * interval '1 second'`

/** pgbench's tables and two more, filled alike whenever it is called. `finished` gets a row behind each stream. */
export async function loadChangeTables(url: string, scale: number): Promise<void> {
  await pgbench(url, ['-i', '-q', '-s', String(Math.max(1, Math.round(10 * scale)))])
  await withSession(url, async (session) => {
    await session.query(`
      create table public.wide (id bigint primary key, kind int not null, amount numeric(12, 2), note text, at timestamptz);
      create table public.hot (id int primary key, n bigint not null, v text);
      create table public.finished (stream text primary key);
      insert into public.wide select ${row('i', 'note')} from generate_series(1, ${Math.round(WIDE_ROWS * scale)}) i;
      insert into public.hot select i, 0, 'v' from generate_series(1, ${HOT_ROWS}) i`)
    await session.query('vacuum (analyze)')
  })
}

/** pgbench's transactions of four changes, then an INSERT, an UPDATE and a DELETE of many rows. Returns the number of row changes. */
export async function mixedStream(url: string, scale: number): Promise<number> {
  const each = Math.max(1, Math.round((TRANSACTIONS * scale) / CLIENTS))
  await pgbench(url, ['-n', '-c', String(CLIENTS), '-t', String(each)])
  const many = Math.round(300_000 * scale)
  const updated = Math.round(200_000 * scale)
  await withSession(url, async (session) => {
    await session.query(`insert into public.wide select ${row('(1000000 + i)', 'new')} from generate_series(1, ${many}) i`)
    await session.query(
      `update public.wide set amount = amount + 1, note = note || 'x' where id between 1000001 and ${1_000_000 + updated}`,
    )
    await session.query(`delete from public.wide where id > ${1_000_000 + updated}`)
    await session.query(`insert into public.finished values ('mixed')`)
  })
  return 4 * each * CLIENTS + many + updated + (many - updated)
}

/** The same 1,000 rows again and again, ten updates a transaction. Returns the number of row changes. */
export async function hotStream(url: string, scale: number): Promise<number> {
  const updates = Math.round(HOT_UPDATES * scale)
  await withSession(url, async (session) => {
    await session.query(`do $$ begin
      for i in 1..${updates} loop
        update public.hot set n = n + 1, v = 'v' || i where id = 1 + (i::bigint * 7919) % ${HOT_ROWS};
        if i % 10 = 0 then commit; end if;
      end loop; end $$`)
    await session.query(`insert into public.finished values ('hot')`)
  })
  return updates
}

/** A fingerprint of every table's rows, whatever their order. */
export async function changedFingerprints(session: Session): Promise<Record<string, string>> {
  const prints: Record<string, string> = {}
  for (const table of CHANGED_TABLES) {
    const [found] = await session.query(
      `select count(*) || ' rows, ' || coalesce(sum(('x' || left(md5(t::text), 15))::bit(60)::bigint), 0) as print from public.${table} t`,
    )
    prints[table] = found?.['print'] ?? ''
  }
  return prints
}

async function pgbench(url: string, args: readonly string[]): Promise<void> {
  const { hostname, port, pathname } = new URL(url)
  await run(await clientProgram('pgbench', 10), ['-h', hostname, '-p', port, '-U', 'postgres', ...args, pathname.slice(1)])
}
