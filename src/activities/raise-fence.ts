import { closedFor, raiseFence as raise, standingFence } from '../source/fence.ts'
import { readInstalledBy } from '../source/installed.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

/** Makes the source read-only for everybody but pgmove; see MigrationActivities. */
export function raiseFence(services: ActivityServices): MigrationActivities['raiseFence'] {
  return migrationActivity(services, async (run) => {
    run.watchSlot({ needed: true })
    const source = await run.connect('source', 'fence', { lockTimeoutMs: 2000 })
    let told: string | undefined
    const { ended, kept } = await raise(source, await readInstalledBy(source, run.id), {
      signal: run.signal,
      onWait: (what) => {
        const warning = what && `The fence waits for ${what}.`.slice(0, 900)
        run.progress = warning === undefined ? {} : { waitingFor: warning }
        if (warning !== undefined && warning !== told) void run.report({ warnings: [warning] })
        told = warning
      },
      onSet: () => run.failpoint(FAILPOINTS.fenceSet),
    })
    run.log('info', 'fence raised')
    await run.failpoint(FAILPOINTS.fenceRaised)
    const statements = (await standingFence(source, run.id)).slice(0, 50)
    return { ended, kept: kept.slice(0, 5), statements, closedMs: await closedFor(source, run.id) }
  })
}
