// Builds the workflow bundle and tells where it is: run by a worker that finds none, and by `npm run build`.
import { buildWorkflowBundle } from './workflow-bundle.ts'

process.stdout.write(`built ${await buildWorkflowBundle()}\n`)
