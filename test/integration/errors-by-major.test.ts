import { describe, test } from 'node:test'
import { meetSourceErrors } from '../source-errors.ts'

describe('what went wrong on a source is told apart', { concurrency: 2 }, () => {
  for (const major of [10, 13, 17, 18]) {
    test(`PostgreSQL ${major}`, { timeout: 120_000 }, () => meetSourceErrors(major))
  }
})
