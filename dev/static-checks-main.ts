import { staticChecks } from './static-checks.ts'

process.exitCode = (await staticChecks()) ? 0 : 1
