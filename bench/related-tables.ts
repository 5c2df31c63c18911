import type { Session } from '../demo/session.ts'

/** Tables made in one transaction, so that no lock table overflows. */
const BATCH = 200
export const SCHEMAS = ['app', 'crm'] as const

/** In each schema half of the tables, each with a key, two indexes, a sequence, a CHECK and a foreign key to the one before it. */
export async function makeRelatedTables(session: Session, tables: number): Promise<void> {
  const half = tables / SCHEMAS.length
  for (const schema of SCHEMAS) {
    await session.query(`create schema ${schema}`)
    for (let at = 0; at < half; at += BATCH) {
      await session.query(`do $$ begin
        for i in ${at + 1}..${Math.min(at + BATCH, half)} loop
          execute format('create table ${schema}.t%s (id bigserial primary key, a int not null check (a > 0), b text, c timestamptz default now(), up bigint references ${schema}.t%s)', i, greatest(i - 1, 1));
          execute format('create index on ${schema}.t%s (a)', i);
          execute format('create index on ${schema}.t%s (b, c)', i);
          execute format('insert into ${schema}.t%s (a, b, up) values (1, ''x'', null)', i);
        end loop;
      end $$`)
    }
  }
}
