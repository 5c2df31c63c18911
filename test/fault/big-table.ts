import { eventually } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'

/** A table whose copy takes some seconds. */
export async function addBigTable(source: TestDatabase): Promise<void> {
  await source.sql(`create table shop.big (id int primary key, body text);
    alter table shop.big alter body set storage external;
    insert into shop.big select i, repeat(md5(i::text), 100) from generate_series(1, 60000) i`)
}

/** Returns while the rows of the big table are being sent. */
export async function bigTableCopying(source: TestDatabase): Promise<void> {
  await eventually('the copy of the big table', 90, async () => {
    const copies = await source.sql(
      `select from pg_stat_activity where datname = current_database() and query ~ '^copy .*big' and state = 'active'`,
    )
    return copies.length > 0
  })
}

/** Whether the copy of the big table is recorded as final. */
export async function bigTableCopied(target: TestDatabase): Promise<boolean> {
  const rows = await target.sql(`select from pgmove.migrated_table where source_table = 'big' and copied_at is not null`)
  return rows.length > 0
}
