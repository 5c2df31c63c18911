import { writeMarker } from '../cutover/markers.ts'
import { formatLsn } from '../postgres/lsn.ts'
import { sourcePosition } from '../source/source-position.ts'
import { updateMigrationRecord } from '../state/migration-record.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

type Input = Parameters<MigrationActivities['takeMarker']>[0]

/** The source's insert position now: the commit record of whatever was committed before stands below it. */
export function takeMarker(services: ActivityServices): MigrationActivities['takeMarker'] {
  return migrationActivity(services, async (run, { cutover, proof, lsn: taken }: Input) => {
    const target = await run.connect('target', 'marker')
    const now = taken ?? formatLsn(await sourcePosition(await run.connect('source', 'marker')))
    let lsn = now
    if (cutover === undefined) await updateMigrationRecord(target, run.id, { marker_lsn: lsn })
    else lsn = await writeMarker(target, run.id, cutover, proof === true ? 'proof_lsn' : 'marker_lsn', now)
    run.log('info', 'marker taken', { lsn })
    await run.failpoint(FAILPOINTS.markerTaken)
    return { lsn }
  })
}
