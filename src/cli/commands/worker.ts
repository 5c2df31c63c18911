import path from 'node:path'
import type { Command } from 'commander'
import { PROJECT_FOLDER } from '../../project-folder.ts'
import type { Cli, GlobalOptions } from '../cli.ts'
import type { ExitCode } from '../exit-code.ts'
import { runWorkerProcess } from '../worker-process.mjs'

/** The settings of a worker, which reads its environment only. */
export function workerEnvironment(options: GlobalOptions): NodeJS.ProcessEnv {
  const given: NodeJS.ProcessEnv = {
    TEMPORAL_ADDRESS: options.address,
    TEMPORAL_NAMESPACE: options.namespace,
    TEMPORAL_PROFILE: options.profile,
    TEMPORAL_CONFIG_FILE: options.configFile,
    TEMPORAL_API_KEY: options.apiKey,
    TEMPORAL_TLS: options.tls ? 'true' : undefined,
    TEMPORAL_TLS_CLIENT_CERT_PATH: options.tlsCertPath,
    TEMPORAL_TLS_CLIENT_KEY_PATH: options.tlsKeyPath,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: options.tlsCaPath,
    TEMPORAL_TLS_SERVER_NAME: options.tlsServerName,
    PGMOVE_TASK_QUEUE: options.taskQueue,
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

export function addWorker(program: Command, cli: Cli): void {
  program
    .command('worker')
    .description('run a worker, which does the work of migrations, until SIGTERM or Ctrl-C')
    .addHelpText(
      'after',
      `
It must reach Temporal and both databases, and finds secrets in its environment or in files. Start as many as you like.
By itself it finds Temporal by TEMPORAL_* variables and the profile file.

Example:
  export SHOP_SOURCE_URL='postgres://migrator:secret@db1:5432/shop?sslmode=verify-full'
  export SHOP_TARGET_URL='postgres://migrator:secret@db2:5432/shop?sslmode=verify-full'
  pgmove worker`,
    )
    .action((_options: unknown, command: Command) =>
      cli.perform(command, {
        work: async ({ env }) => {
          const own = workerEnvironment(command.optsWithGlobals<GlobalOptions>())
          const code = await runWorkerProcess(path.join(PROJECT_FOLDER, 'src/start-worker.mjs'), { ...env, ...own })
          return { json: { exitCode: code }, code: code as ExitCode }
        },
      }),
    )
}
