import type { Client } from '@temporalio/client'
import { ApplicationFailure } from '@temporalio/common'
import { validateSpec } from '../../src/spec/validate-spec.ts'
import { migrationId } from '../../src/state/migration-ref.ts'
import { DATA_QUEUE_SUFFIX } from '../../src/workflows/data-queue.ts'
import type { CopyGroup, MigrationActivities, MigrationInput } from '../../src/workflows/migration-activities.ts'
import { uniqueName } from '../servers.ts'

type Extra<K extends keyof MigrationActivities> = Omit<Parameters<MigrationActivities[K]>[0], keyof MigrationInput>
type Result<K extends keyof MigrationActivities> = Awaited<ReturnType<MigrationActivities[K]>>

/** The activities of one migration up to the end of its copy, run by Temporal for themselves: no workflow waits or tries again. */
export interface CopyActivities {
  /** In the names of slot, publication and sessions. */
  readonly id: string
  /** Rejects with the ApplicationFailure that the workflow would see. Lost workers and retryable failures are tried again by Temporal. */
  run<K extends keyof MigrationActivities>(name: K, extra: Extra<K>): Promise<Result<K>>
  /** Creates on the target what is there before the first row. */
  prepare(): Promise<void>
  /** Copies all tables and builds their indexes, as the workflow does; the groups at once. */
  copy(): Promise<void>
}

/** `target` and `source` are found as TEST_SOURCE and TEST_TARGET. */
export function copyActivities(client: Client, taskQueue: string, spec: Record<string, unknown>): CopyActivities {
  const checked = validateSpec({ source: { env: 'TEST_SOURCE' }, target: { env: 'TEST_TARGET' }, ddl: 'pause', ...spec })
  if (!('spec' in checked)) throw new Error(`the spec of the test is invalid: ${JSON.stringify(checked.problems)}`)
  const { types } = checked.spec
  const ref = { namespace: 'default', workflowId: uniqueName('w'), firstRunId: 'r' }
  const input: MigrationInput = { ref, spec: checked.spec }
  const run = async <K extends keyof MigrationActivities>(name: K, extra: Extra<K>): Promise<Result<K>> => {
    try {
      return await client.activity.execute<Result<K>>(name, {
        id: uniqueName(name),
        taskQueue: `${taskQueue}${DATA_QUEUE_SUFFIX}`,
        args: [{ ...input, ...extra }],
        startToCloseTimeout: '10 minutes',
        // As short as heartbeats every second allow: so soon is a worker taken for lost.
        heartbeatTimeout: '2 seconds',
        retry: { initialInterval: '100 milliseconds', backoffCoefficient: 1 },
      })
    } catch (error) {
      for (let e = error; e instanceof Error; e = e.cause) if (e instanceof ApplicationFailure) throw e
      throw error
    }
  }
  const group = async ({ group, jobs }: CopyGroup): Promise<void> => {
    const { indexes } = await run('copyGroup', { group, jobs })
    await allOf(indexes.map(({ entry }) => run('buildIndexes', { group, entry })))
    await run('buildIndexes', { group, entry: null })
  }
  return {
    id: migrationId(ref),
    run,
    prepare: async () => {
      await run('planTables', {})
      if (!types.includes('schema')) return
      await run('dumpDefinitions', {})
      await run('restoreDefinitions', {})
    },
    copy: async () => {
      if (!types.includes('incremental')) await run('copyUnderOneSnapshot', {})
      else {
        const { groups } = await run('planTables', {})
        await allOf(groups.map(group))
      }
      await run('finishCopy', {})
    },
  }
}

/** The first failure, when all have ended. */
async function allOf(work: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(work)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
