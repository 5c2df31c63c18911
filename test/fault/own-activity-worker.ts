import { after } from 'node:test'
import { DefaultLogger, makeTelemetryFilterString, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { createActivities } from '../../src/activities/create-activities.ts'
import type { Failpoint } from '../../src/activities/failpoints.ts'
import { WORKER_OPTIONS } from '../../src/run-worker.ts'
import { DATA_QUEUE_SUFFIX } from '../../src/workflows/data-queue.ts'
import type { TestMigration } from '../migration-run.ts'

const closers: (() => Promise<void>)[] = []
after(async () => {
  for (const close of closers) await close()
})

let installed = false

/** A worker without workflows in this process, so that the test acts itself at failpoints. Ends with the file's tests. */
export async function ownActivityWorker(
  { address, taskQueue, env }: TestMigration,
  failpoint: (name: Failpoint) => void | Promise<void> = () => undefined,
): Promise<void> {
  if (!installed) {
    installed = true
    const logging = { filter: makeTelemetryFilterString({ core: 'ERROR' }), forward: {} }
    Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging } })
  }
  const connection = await NativeConnection.connect({ address })
  const worker = await Worker.create({
    ...WORKER_OPTIONS,
    connection,
    namespace: 'default',
    taskQueue: `${taskQueue}${DATA_QUEUE_SUFFIX}`,
    activities: createActivities({ now: Date.now, failpoint, env }),
  })
  const running = worker.run()
  closers.push(async () => {
    worker.shutdown()
    await running
    await connection.close()
  })
}
