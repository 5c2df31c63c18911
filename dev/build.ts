// Builds what production runs ahead of time: the workflow bundle, the compiled worker and the command.
import '../src/build-workflow-bundle.ts'
import { compiledWorker } from '../src/compiled-worker.mjs'

for (const entry of ['src/worker.ts', 'src/cli/main.ts']) {
  process.stdout.write(`built ${(await compiledWorker(entry)) ?? `nothing of ${entry}`}\n`)
}
