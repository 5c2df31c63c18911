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

/**
 * As `beat`, unless somebody has done it within the last `everyMs`: several workers may look after one migration. A beat of the future, from
 * before the server's clock was set back, holds none up.
 */
export async function beatUnlessFresh(source: Database, id: string, everyMs: number): Promise<void> {
  await source.query(
    `insert into pgmove.dts_postgres_heartbeat as h (id, beat, beat_at) values ($1, 1, clock_timestamp())
     on conflict (id) do update set beat = h.beat + 1, beat_at = excluded.beat_at
     where h.beat_at not between clock_timestamp() - $2::double precision * interval '0.9 milliseconds' and clock_timestamp()`,
    [id, String(everyMs)],
  )
}
