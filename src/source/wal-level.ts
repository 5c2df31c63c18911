import type { Database } from '../postgres/connect.ts'

/** The source's `wal_level`; `pending`: another one waits for a restart. */
export async function readWalLevel(source: Database): Promise<{ readonly level: string; readonly pending: boolean }> {
  const [row] = await source.query<{ level: string; pending: string | null }>(
    `select current_setting('wal_level') as level, (select pending_restart from pg_settings where name = 'wal_level') as pending`,
  )
  return { level: row?.level ?? '', pending: row?.pending === 't' }
}
