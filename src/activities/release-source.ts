import { releaseSource as release } from '../source/release-source.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

type Input = Parameters<MigrationActivities['releaseSource']>[0]

/** How long locks on the source are waited for. */
const PATIENCE_MS = 100_000

/** Removes slot, publication, heartbeat and pgmove's schema from the source; see MigrationActivities. */
export function releaseSource(services: ActivityServices): MigrationActivities['releaseSource'] {
  return migrationActivity(services, async (run, { completed }: Input) => {
    const source = await run.connect('source', 'release', { lockTimeoutMs: 2000 })
    await run.failpoint(FAILPOINTS.releaseBegins)
    const fence = completed === true ? 'keep' : 'lift'
    const { left } = await release({ source, id: run.id, deadline: Date.now() + PATIENCE_MS, fence, signal: run.signal })
    run.log('info', 'source released', { left: left.length })
    await run.failpoint(FAILPOINTS.sourceReleased)
    return { left: left.slice(0, 50).map(({ kind, name, reason, statement }) => `${kind} ${name} (${reason}): ${statement}`) }
  })
}
