// Builds what production runs ahead of time: the workflow bundle.
import '../src/build-workflow-bundle.ts'
