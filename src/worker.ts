import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { loadClientConnectConfig } from '@temporalio/envconfig'
import { DefaultLogger, makeTelemetryFilterString, NativeConnection, Runtime } from '@temporalio/worker'
import { PRODUCTION_SERVICES } from './activities/activity-run.ts'
import { dataConverterOf } from './encryption/data-converter.ts'
import { PROJECT_FOLDER } from './project-folder.ts'
import { logFormat } from './log-format.ts'
import { metricsOptions } from './metrics/metrics-options.ts'
import { runWorker } from './run-worker.ts'

/**
 * The worker's entry. Temporal is found as the Temporal CLI finds it: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, the TLS and
 * API-key variables, the profile file. PGMOVE_TASK_QUEUE names the task queue (default `pgmove`); PGMOVE_METRICS_ADDRESS (`host:port`, default
 * none) is where metrics for Prometheus are served; PGMOVE_LOG_FORMAT is
 * `text` (default) or `json`; PGMOVE_PAYLOAD_KEYS_FILE (default none) has the keys that encrypt what Temporal stores. SIGTERM and SIGINT drain.
 */
async function main(onConfigured: () => void): Promise<void> {
  const metrics = metricsOptions(process.env['PGMOVE_METRICS_ADDRESS'])
  Runtime.install({
    logger: new DefaultLogger('INFO', logFormat(process.env['PGMOVE_LOG_FORMAT'])),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'WARN' }), forward: {} }, ...metrics },
    shutdownSignals: ['SIGTERM', 'SIGINT', 'SIGQUIT'],
  })
  const converter = await dataConverterOf(process.env)
  onConfigured()
  const { connectionOptions, namespace } = loadClientConnectConfig()
  const connection = await NativeConnection.connect(connectionOptions)
  try {
    await runWorker({
      connection,
      namespace: namespace ?? 'default',
      taskQueue: process.env['PGMOVE_TASK_QUEUE'] || 'pgmove',
      services: PRODUCTION_SERVICES,
      ...converter,
      metrics: 'metrics' in metrics,
    })
  } finally {
    await connection.close()
  }
}

async function version(): Promise<string> {
  const text = await readFile(path.join(PROJECT_FOLDER, 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

let configured = false
main(() => (configured = true)).then(
  () => process.exit(0),
  async (error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    const temporal = process.env['TEMPORAL_ADDRESS'] ?? 'localhost:7233'
    const hint = `\nIs Temporal running at ${temporal}? Set TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE as for the Temporal CLI.`
    process.stderr.write(`pgmove ${await version()}: the worker could not run: ${reason}${configured ? hint : ''}\n`)
    process.exit(1)
  },
)
