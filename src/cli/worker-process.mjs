import { spawn } from 'node:child_process'
import os from 'node:os'
import { WORKER_ENVIRONMENT, WORKER_FLAGS } from '../worker-command.mjs'

/**
 * Runs a worker in a process of its own, which alone takes its flags and environment; resolves with its exit code.
 *
 * @param {string} script path of start-worker.mjs
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>}
 */
export async function runWorkerProcess(script, env) {
  const child = spawn(process.execPath, [...WORKER_FLAGS, script], { stdio: 'inherit', env: { ...env, ...WORKER_ENVIRONMENT } })
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGQUIT']) process.on(signal, () => child.kill(signal))
  // Ctrl-C reaches both, as one process group: this one then waits until the worker has drained.
  process.on('SIGINT', () => undefined)
  return await new Promise((resolve) => {
    child.on('exit', (code, signal) => resolve(code ?? 128 + (signal ? os.constants.signals[signal] : 0)))
    child.on('error', (error) => {
      process.stderr.write(`pgmove: the worker could not be started: ${error.message}\n`)
      resolve(1)
    })
  })
}
