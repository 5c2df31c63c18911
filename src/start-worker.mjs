// What `npm run worker` starts: `start-worker.mjs [ENTRY]`, by default src/worker.ts. Plain JavaScript, see compiled-worker.mjs.
import './small-heap.mjs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { compiledWorker } from './compiled-worker.mjs'

const entry = process.argv[2] ?? 'src/worker.ts'
const compiled = await compiledWorker(entry)
if (compiled) await import(pathToFileURL(compiled).href)
else {
  const { register } = await import('tsx/esm/api')
  register()
  await import(pathToFileURL(fileURLToPath(new URL(`../${entry}`, import.meta.url))).href)
}
