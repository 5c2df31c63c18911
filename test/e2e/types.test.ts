import test from 'node:test'
import { typesRun } from '../matrix/types-run.ts'

for (const [from, to] of [
  [13, 17],
  [10, 18],
] as const) {
  test(`every type from ${from} to ${to}`, { timeout: 300_000 }, () => typesRun(from, to))
}
