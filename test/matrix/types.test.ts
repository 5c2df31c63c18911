import test from 'node:test'
import { typesRun } from './types-run.ts'

test('every type from 17 to 13', { timeout: 300_000 }, () => typesRun(17, 13))
