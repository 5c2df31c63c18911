import { setTimeout as pause } from 'node:timers/promises'
import type { Client, WorkflowHandle } from '@temporalio/client'
import { eventually } from '../dev/eventually.ts'
import type { MigrationReport } from '../src/workflows/migration-report.ts'
import type { Phase, Status } from '../src/workflows/status.ts'

export interface BenchMigration {
  /** `everyMs`: how often to look, where a look, which takes CPU time of Temporal and of the worker, would falsify what is measured. */
  reach(phase: Phase, seconds: number, everyMs?: number): Promise<void>
  undelayed(seconds: number): Promise<void>
  signal(name: 'pause' | 'resume' | 'cutover'): Promise<void>
  cancel(): Promise<void>
  result(): Promise<MigrationReport>
}

/** Starts a migration; the worker finds its databases under the names BENCH_SOURCE and `target`. */
export async function startMigration(client: Client, workflowId: string, target: string, more: object = {}): Promise<BenchMigration> {
  const spec = { name: workflowId, source: { env: 'BENCH_SOURCE' }, target: { env: target }, ddl: 'pause', ignoreWarnings: true, ...more }
  const handle: WorkflowHandle = await client.workflow.start('migrateDatabase', { taskQueue: 'pgmove', workflowId, args: [spec] })
  // No answer is no failure: the worker may be starting.
  const status = async (): Promise<Status | undefined> => {
    const now = await handle.query<Status>('status').catch(() => undefined)
    if (now?.state === 'waiting' || now?.state === 'failed') {
      throw new Error(
        `${workflowId} is ${now.state} in phase ${now.phase}: ${JSON.stringify(now.errors.items.at(-1) ?? now.precheck?.items)}`,
      )
    }
    return now
  }
  return {
    reach: async (phase, seconds, everyMs = 0) => {
      await eventually(`${workflowId} in phase ${phase}`, seconds, async () => {
        await pause(everyMs)
        return (await status())?.phase === phase
      })
    },
    undelayed: async (seconds) => {
      await eventually(`${workflowId} undelayed`, seconds, async () => {
        const now = await status()
        return now?.phase === 'incremental' && now.undelayed
      })
    },
    signal: (name) => handle.signal(name),
    cancel: async () => {
      await handle.cancel()
    },
    result: () => handle.result() as Promise<MigrationReport>,
  }
}
