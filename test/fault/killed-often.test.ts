import test from 'node:test'
import { LIMIT } from './fault-run.ts'
import { killedOften } from './killed-often.ts'

test('workers that are killed every few seconds for 20 s: the next one goes on, and nothing is lost or doubled', LIMIT, () =>
  killedOften(20),
)
