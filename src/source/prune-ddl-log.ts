import type { Database } from '../postgres/connect.ts'

/**
 * Removes the rows of the log of DDL that every migration of the database has applied. A row is first marked with a position behind its commit
 * (whoever sees it reads the position later), and goes when all slots are confirmed up to there. Waits for no lock.
 */
export async function pruneDdlLog(source: Database): Promise<void> {
  await source.query(
    `delete from pgmove.ddl_log where entry in (
       select l.entry from pgmove.ddl_log l
        where l.committed_by is not null
          and not exists (select from pgmove.installed i left join pg_replication_slots s on s.slot_name = i.name
                           where i.kind = 'slot' and coalesce(s.confirmed_flush_lsn, '0/0') < l.committed_by)
          for update of l skip locked)`,
  )
  await source.query(
    `update pgmove.ddl_log set committed_by = pg_current_wal_insert_lsn()
      where entry in (select entry from pgmove.ddl_log where committed_by is null for update skip locked)`,
  )
}
