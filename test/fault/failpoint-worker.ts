// A worker that dies at failpoints, or stands still there: see failpoint-files.ts for how it is told. The test can set its clock.
import './shifted-clock.ts'
import { loadClientConnectConfig } from '@temporalio/envconfig'
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker'
import { PRODUCTION_SERVICES } from '../../src/activities/activity-run.ts'
import { runWorker } from '../../src/run-worker.ts'
import { followOrders, FOLDER_VARIABLE } from './failpoint-files.ts'

Runtime.install({ logger: new DefaultLogger('INFO'), shutdownSignals: ['SIGTERM', 'SIGINT', 'SIGQUIT'] })
const { connectionOptions, namespace } = loadClientConnectConfig()
const connection = await NativeConnection.connect(connectionOptions)
await runWorker({
  connection,
  namespace: namespace ?? 'default',
  taskQueue: process.env['PGMOVE_TASK_QUEUE'] ?? 'pgmove',
  services: { ...PRODUCTION_SERVICES, failpoint: followOrders(process.env[FOLDER_VARIABLE] ?? '') },
})
await connection.close()
process.exit(0)
