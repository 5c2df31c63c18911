import type { Session } from '../demo/session.ts'

/** Tables made in one transaction, so that no lock table overflows. */
const BATCH = 200

/** Tables with a primary key and two more indexes each, with a sequence and a few rows if asked for. */
export async function makeManyTables(session: Session, tables: number, rows = 0): Promise<void> {
  for (let at = 0; at < tables; at += BATCH) {
    await session.query(`do $$ begin
      for i in ${at + 1}..${Math.min(at + BATCH, tables)} loop
        execute format('create table public.t%s (id bigserial primary key, a int not null default 1, b text, c timestamptz default now())', i);
        ${rows === 0 ? '' : `execute format('insert into public.t%s (a, b) select n, md5(n::text) from generate_series(1, ${rows}) n', i);`}
        execute format('create index on public.t%s (a)', i);
        execute format('create index on public.t%s (b, c)', i);
      end loop;
    end $$`)
  }
}
