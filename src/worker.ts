import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { loadClientConnectConfig } from '@temporalio/envconfig'
import { DefaultLogger, makeTelemetryFilterString, NativeConnection, Runtime } from '@temporalio/worker'
import { PRODUCTION_SERVICES } from './activities/activity-run.ts'
import { PROJECT_FOLDER } from './project-folder.ts'
import { runWorker } from './run-worker.ts'

/**
 * The worker's entry. Temporal is found as the Temporal CLI finds it: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, the TLS and
 * API-key variables, the profile file. PGMOVE_TASK_QUEUE names the task queue (default `pgmove`). SIGTERM and SIGINT drain.
 */
async function main(): Promise<void> {
  Runtime.install({
    logger: new DefaultLogger('INFO'),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'WARN' }), forward: {} } },
    shutdownSignals: ['SIGTERM', 'SIGINT', 'SIGQUIT'],
  })
  const { connectionOptions, namespace } = loadClientConnectConfig()
  const connection = await NativeConnection.connect(connectionOptions)
  try {
    await runWorker({
      connection,
      namespace: namespace ?? 'default',
      taskQueue: process.env['PGMOVE_TASK_QUEUE'] || 'pgmove',
      services: PRODUCTION_SERVICES,
    })
  } finally {
    await connection.close()
  }
}

async function version(): Promise<string> {
  const text = await readFile(path.join(PROJECT_FOLDER, 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

main().then(
  () => process.exit(0),
  async (error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    process.stderr.write(
      `pgmove ${await version()}: the worker could not run: ${reason}\nIs Temporal running at ${process.env['TEMPORAL_ADDRESS'] ?? 'localhost:7233'}? Set TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE as for the Temporal CLI.\n`,
    )
    process.exit(1)
  },
)
