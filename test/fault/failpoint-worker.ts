// A worker that dies at failpoints, or stands still there: see failpoint-files.ts for how it is told.
import { setTimeout as pause } from 'node:timers/promises'
import { loadClientConnectConfig } from '@temporalio/envconfig'
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker'
import { PRODUCTION_SERVICES } from '../../src/activities/activity-run.ts'
import type { Failpoint } from '../../src/activities/failpoints.ts'
import { runWorker } from '../../src/run-worker.ts'
import { arrivals, FOLDER_VARIABLE } from './failpoint-files.ts'

Runtime.install({ logger: new DefaultLogger('INFO'), shutdownSignals: ['SIGTERM', 'SIGINT', 'SIGQUIT'] })
const files = arrivals(process.env[FOLDER_VARIABLE] ?? '')
const { connectionOptions, namespace } = loadClientConnectConfig()
const connection = await NativeConnection.connect(connectionOptions)
await runWorker({
  connection,
  namespace: namespace ?? 'default',
  taskQueue: process.env['PGMOVE_TASK_QUEUE'] ?? 'pgmove',
  services: { ...PRODUCTION_SERVICES, failpoint },
})
await connection.close()
process.exit(0)

function failpoint(name: Failpoint): void | Promise<void> {
  const order = files.arrive(name)
  if (order === 'die') process.kill(process.pid, 'SIGKILL')
  if (order === 'stand') return standing(name)
}

async function standing(name: Failpoint): Promise<void> {
  while (files.isHeld(name)) await pause(50)
}
