// Builds what production runs ahead of time: the workflow bundle and the compiled worker.
import '../src/build-workflow-bundle.ts'
import { compiledWorker } from '../src/compiled-worker.mjs'

process.stdout.write(`built ${(await compiledWorker('src/worker.ts')) ?? 'no worker'}\n`)
