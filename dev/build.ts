// Builds what production runs ahead of time: the workflow bundle.
import { buildWorkflowBundle } from '../src/workflow-bundle.ts'

process.stdout.write(`built ${await buildWorkflowBundle()}\n`)
