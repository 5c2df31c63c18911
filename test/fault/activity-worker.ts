// A worker without workflows, which starts fast, and dies at failpoints or stands still there as it is told: see failpoint-files.ts.
import { NativeConnection, Worker } from '@temporalio/worker'
import { PRODUCTION_SERVICES } from '../../src/activities/activity-run.ts'
import { createActivities } from '../../src/activities/create-activities.ts'
import { WORKER_OPTIONS } from '../../src/run-worker.ts'
import { DATA_QUEUE_SUFFIX } from '../../src/workflows/data-queue.ts'
import { followOrders, FOLDER_VARIABLE } from './failpoint-files.ts'

const connection = await NativeConnection.connect({ address: process.env['TEMPORAL_ADDRESS'] ?? '' })
const worker = await Worker.create({
  ...WORKER_OPTIONS,
  connection,
  namespace: 'default',
  taskQueue: `${process.env['PGMOVE_TASK_QUEUE']}${DATA_QUEUE_SUFFIX}`,
  activities: createActivities({ ...PRODUCTION_SERVICES, failpoint: followOrders(process.env[FOLDER_VARIABLE] ?? '') }),
})
await worker.run()
await connection.close()
process.exit(0)
