#!/usr/bin/env node
// The program `pgmove`. Plain JavaScript, see ../compiled-worker.mjs: compiled once, it starts in a moment.
import { fileURLToPath, pathToFileURL } from 'node:url'

// The worker's own process is the one that counts: this one stays small beside it.
if (process.argv[2] === 'worker' && process.argv.length === 3) {
  const { runWorkerProcess } = await import('./worker-process.mjs')
  process.exitCode = await runWorkerProcess(fileURLToPath(new URL('../start-worker.mjs', import.meta.url)), process.env)
} else {
  const { compiledWorker } = await import('../compiled-worker.mjs')
  const compiled = await compiledWorker('src/cli/main.ts')
  if (compiled) await import(pathToFileURL(compiled).href)
  else {
    const { register } = await import('tsx/esm/api')
    register()
    await import(new URL('./main.ts', import.meta.url).href)
  }
}
