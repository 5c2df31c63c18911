import type { Database } from '../postgres/connect.ts'

/** For the session that beats: it must neither wait for a synchronous standby nor hang. */
export const HEARTBEAT_SETTINGS: Readonly<Record<string, string>> = { synchronous_commit: 'local', statement_timeout: '2000' }

/**
 * Writes the migration's row of the heartbeat table, whose change comes through the stream, and returns the number of the
 * beat. Needs the table's row once; the table is made by prepareSource.
 */
export async function beat(source: Database, id: string): Promise<string> {
  const [row] = await source.query<{ beat: string }>(
    `insert into pgmove.dts_postgres_heartbeat as h (id, beat, beat_at) values ($1, 1, clock_timestamp())
     on conflict (id) do update set beat = h.beat + 1, beat_at = excluded.beat_at returning beat`,
    [id],
  )
  return row?.beat ?? ''
}
