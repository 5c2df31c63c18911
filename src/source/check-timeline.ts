import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { formatLsn, parseLsn } from '../postgres/lsn.ts'
import { updateMigrationRecord } from '../state/migration-record.ts'
import type { MigrationRecord } from '../state/migration-record.ts'
import { identifySource, switchPoint } from './source-identity.ts'

/**
 * The source's history contains all that the target has (HANDOFF.md R6): it is the same cluster, and where its timeline is a
 * newer one, this left the former behind the applied position and behind every snapshot copied. Then remembers the new timeline.
 */
export async function checkTimeline(walsender: Database, target: Database, record: MigrationRecord, appliedLsn: bigint): Promise<void> {
  const { systemIdentifier, timeline } = await identifySource(walsender)
  if (systemIdentifier !== record.system_identifier) {
    throw replaced(`it is another database cluster (system identifier ${systemIdentifier} instead of ${record.system_identifier ?? '?'})`)
  }
  const reached = await reachedLsns(target, record, appliedLsn)
  for (const [former, lsn] of reached) {
    if (former === timeline) continue
    const left = timeline > former ? await switchPoint(walsender, timeline, former) : undefined
    if (left === undefined) throw replaced(`its timeline ${timeline} does not come from timeline ${former}`)
    if (lsn > left) {
      throw replaced(
        `timeline ${timeline} left timeline ${former} at ${formatLsn(left)}, and the target has changes up to ${formatLsn(lsn)}, which are lost there`,
      )
    }
  }
  if (record.timeline !== String(timeline)) await updateMigrationRecord(target, record.id, { timeline: String(timeline) })
}

/** The highest position that the target depends on, by the timeline that it was on. */
async function reachedLsns(target: Database, record: MigrationRecord, appliedLsn: bigint): Promise<Map<number, bigint>> {
  const rows = await target.query<{ timeline: string; lsn: string }>(
    // Not max(lsn): that aggregate came with 13.
    `select distinct on (timeline) timeline, lsn from pgmove.migrated_table
      where id = $1 and lsn is not null and timeline is not null order by timeline, lsn desc`,
    [record.id],
  )
  const reached = new Map(rows.map(({ timeline, lsn }) => [Number(timeline), parseLsn(lsn)]))
  const own = Number(record.timeline)
  const start = parseLsn(record.consistent_point ?? '0/0')
  const applied = appliedLsn > start ? appliedLsn : start
  const copied = reached.get(own) ?? 0n
  return reached.set(own, copied > applied ? copied : applied)
}

function replaced(what: string): MigrationError {
  return new MigrationError('SourceReplaced', `The source is not the one that was copied: ${what}. The migration ends.`, { side: 'source' })
}
