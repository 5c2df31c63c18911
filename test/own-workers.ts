import { DefaultLogger, makeTelemetryFilterString, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import type { ActivityServices } from '../src/activities/activity-run.ts'
import { createActivities } from '../src/activities/create-activities.ts'
import { WORKER_OPTIONS } from '../src/run-worker.ts'
import { workflowSource } from '../src/workflow-bundle.ts'
import { DATA_QUEUE_SUFFIX } from '../src/workflows/data-queue.ts'
import type { MigrationActivities } from '../src/workflows/migration-activities.ts'
import type { TestMigration } from './migration-run.ts'
import { atEnd } from './servers.ts'

/**
 * Workers as src/run-worker.ts makes them, but in this process, so that a test can put its own activities around or in place
 * of the real ones. Ended by the function returned, or by themselves after the
 * file's tests.
 */
export async function ownWorkers(
  { address, taskQueue, env }: Pick<TestMigration, 'address' | 'taskQueue' | 'env'>,
  replace: (real: MigrationActivities, services: ActivityServices) => Partial<MigrationActivities>,
): Promise<() => Promise<void>> {
  quiet()
  const services: ActivityServices = { now: Date.now, failpoint: () => undefined, env }
  const real = createActivities(services)
  const connection = await NativeConnection.connect({ address })
  const common = { ...WORKER_OPTIONS, connection, namespace: 'default', activities: { ...real, ...replace(real, services) } }
  const workers = [
    await Worker.create({ ...common, taskQueue, ...(await workflowSource()) }),
    await Worker.create({ ...common, taskQueue: `${taskQueue}${DATA_QUEUE_SUFFIX}` }),
  ]
  const running = workers.map((worker) => worker.run())
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> =>
    (stopped ??= (async () => {
      for (const worker of workers) worker.shutdown()
      await Promise.all(running)
      await connection.close()
    })())
  atEnd(stop)
  return stop
}

let installed = false
function quiet(): void {
  if (installed) return
  installed = true
  const logging = { filter: makeTelemetryFilterString({ core: 'ERROR' }), forward: {} }
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging } })
}
