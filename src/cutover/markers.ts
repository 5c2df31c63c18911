import { setTimeout as pause } from 'node:timers/promises'
import type { Database } from '../postgres/connect.ts'
import { parseLsn } from '../postgres/lsn.ts'
import type { StreamMarkers } from '../replication/apply-stream.ts'
import { fenceLeaked } from './fence-leaked.ts'

const POLL_MS = 20

/**
 * Writes a position of the cutover down, once: another attempt gets what stands there.
 *
 * @param which `marker_lsn`: nothing may be committed behind it; `proof_lsn`: the stream has to come so far
 */
export async function writeMarker(
  target: Database,
  id: string,
  cutover: string,
  which: 'marker_lsn' | 'proof_lsn',
  lsn: string,
): Promise<string> {
  const set = which === 'marker_lsn' ? 'marker_lsn = $3, marker_for = $2, proof_lsn = null' : 'proof_lsn = $3'
  const open = which === 'marker_lsn' ? 'marker_for is distinct from $2' : 'marker_for = $2 and proof_lsn is null'
  await target.query(`update pgmove.migration set ${set} where id = $1 and ${open}`, [id, cutover, lsn])
  const [row] = await target.query<{ lsn: string }>(`select ${which} as lsn from pgmove.migration where id = $1`, [id])
  return row?.lsn ?? lsn
}

export interface WatchMarkersOptions {
  readonly signal: AbortSignal
  /** After each look. */
  readonly onLooked: () => void
  readonly onMarkers: (markers: StreamMarkers) => Promise<void>
}

/** Looks for the markers of a cutover, while its stream runs, and tells of each. Ends when both are known, or by the signal. */
export async function watchMarkers(
  target: Database,
  id: string,
  cutover: string,
  { signal, onLooked, onMarkers }: WatchMarkersOptions,
): Promise<void> {
  let known: StreamMarkers = { quietFrom: undefined, until: undefined }
  while (!signal.aborted && known.until === undefined) {
    const [row] = await target.query<{ quiet_from: string | null; until: string | null }>(
      `select marker_lsn as quiet_from, proof_lsn as until from pgmove.migration where id = $1 and marker_for = $2`,
      [id, cutover],
    )
    const [quietFrom, until] = [lsnOf(row?.quiet_from), lsnOf(row?.until)]
    if (quietFrom !== known.quietFrom || until !== known.until) {
      known = { quietFrom, until }
      await onMarkers(known)
    }
    onLooked()
    await pause(POLL_MS, undefined, { signal }).catch(() => undefined)
  }
}

function lsnOf(text: string | null | undefined): bigint | undefined {
  return typeof text === 'string' ? parseLsn(text) : undefined
}

/** Waits until everything committed below `lsn` is on the target. Resolves to how far it is. */
export async function waitApplied(target: Database, id: string, lsn: string, signal: AbortSignal): Promise<string> {
  for (;;) {
    const [row] = await target.query<{ applied: string; there: string }>(
      `select confirmed_lsn as applied, confirmed_lsn >= $2::pg_lsn as there from pgmove.progress where id = $1`,
      [id, lsn],
    )
    if (row?.there === 't') return row.applied
    signal.throwIfAborted()
    await pause(POLL_MS, undefined, { signal }).catch(() => undefined)
  }
}

/**
 * The stream knows the marker only a moment after it was taken: what it has applied until then was not checked.
 *
 * @throws MigrationError `FenceLeaked` if a change that was committed behind the marker has been applied
 */
export async function checkNothingBehind(target: Database, id: string): Promise<void> {
  const [row] = await target.query<{ changed: string; marker: string; leaked: string }>(
    `select p.changed_lsn as changed, m.marker_lsn as marker, p.changed_lsn >= m.marker_lsn as leaked
       from pgmove.progress p join pgmove.migration m using (id) where p.id = $1`,
    [id],
  )
  if (row?.leaked === 't') throw fenceLeaked(parseLsn(row.changed), parseLsn(row.marker), undefined)
}
