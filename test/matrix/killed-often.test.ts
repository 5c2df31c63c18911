import test from 'node:test'
import { LIMIT } from '../fault/fault-run.ts'
import { killedOften } from '../fault/killed-often.ts'

test('workers that are killed every few seconds for two minutes: the next one goes on, and nothing is lost or doubled', LIMIT, () =>
  killedOften(120),
)
