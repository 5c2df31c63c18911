import { describe, test } from 'node:test'
import { meetSourceErrors } from '../source-errors.ts'

/** The others are tested by integration/errors-by-major.test.ts. */
const MAJORS = [11, 12, 14, 15, 16]

describe('what went wrong on a source is told apart', { concurrency: 2 }, () => {
  for (const major of MAJORS) {
    test(`PostgreSQL ${major}`, { timeout: 120_000 }, () => meetSourceErrors(major))
  }
})
