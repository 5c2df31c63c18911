import { releaseSource as release } from '../source/release-source.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

/** How long locks on the source are waited for. */
const PATIENCE_MS = 100_000

/** Removes slot, publication, heartbeat and pgmove's schema from the source; see MigrationActivities. */
export function releaseSource(services: ActivityServices): MigrationActivities['releaseSource'] {
  return migrationActivity(services, async (run) => {
    const source = await run.connect('source', 'release', { lockTimeoutMs: 2000 })
    await run.failpoint(FAILPOINTS.releaseBegins)
    const { left } = await release({ source, id: run.id, deadline: Date.now() + PATIENCE_MS, signal: run.signal })
    await run.failpoint(FAILPOINTS.sourceReleased)
    return { left: left.slice(0, 50).map(({ kind, name, reason, statement }) => `${kind} ${name} (${reason}): ${statement}`) }
  })
}
