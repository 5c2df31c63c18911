import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { migrationActivity } from './migration-activity.ts'

type Input = Parameters<MigrationActivities['watchSlot']>[0]

/** Writes the heartbeat and measures what the slot retains while nothing else runs; see MigrationActivities. */
export function watchSlot(services: ActivityServices): MigrationActivities['watchSlot'] {
  return migrationActivity(services, async (run, { needed }: Input) => {
    run.watchSlot({ needed })
    const { signal } = run
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    signal.throwIfAborted()
  })
}
