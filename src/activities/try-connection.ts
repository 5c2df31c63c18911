import { MigrationError } from '../errors/migration-error.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { migrationActivity } from './migration-activity.ts'
import { failedAttempt } from './reconnect-window.ts'

type Input = Parameters<MigrationActivities['tryConnection']>[0]

/** One attempt to reach a side after its deadline; see MigrationActivities. */
export function tryConnection(services: ActivityServices): MigrationActivities['tryConnection'] {
  return migrationActivity(services, async (run, { side, lostAt, deadline }: Input) => {
    try {
      await run.connect(side, 'attempt')
      return { reachable: true }
    } catch (error) {
      run.signal.throwIfAborted()
      // Any other answer is an answer: the activities that need the side meet it as well, and judge it.
      if (!(error instanceof MigrationError) || error.kind !== 'ConnectionLost') return { reachable: true }
      const pending = (await run.pendingOutages()).flatMap((outages) => outages[side] ?? [])
      const previous = {
        lostAt: Date.parse(lostAt),
        deadline: Math.max(Date.parse(deadline), ...pending.map((outage) => outage.deadline)),
        // If nobody remembers an attempt, none can be shown to have been made.
        lastAttemptAt: Math.max(Date.parse(lostAt), ...pending.map((outage) => outage.lastAttemptAt)),
      }
      const now = services.now()
      const { outage, expired } = failedAttempt(previous, now, { windowMs: run.spec.reconnectWindowMs, absenceMs: services.absenceMs })
      return {
        reachable: false,
        expired,
        deadline: new Date(outage.deadline).toISOString(),
        leftMs: Math.max(0, outage.deadline - now),
        message: error.message.slice(0, 300),
      }
    }
  })
}
