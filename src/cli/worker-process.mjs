import { spawn } from 'node:child_process'
import os from 'node:os'

/**
 * Runs a worker in a process of its own, since the size of V8's young generation is given on the command line only; resolves with its exit code.
 *
 * @param {string} script path of start-worker.mjs
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>}
 */
export async function runWorkerProcess(script, env) {
  const child = spawn(process.execPath, ['--max-semi-space-size=8', script], { stdio: 'inherit', env })
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
