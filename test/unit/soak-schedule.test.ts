import assert from 'node:assert/strict'
import test from 'node:test'
import { schedule, stepLine } from '../../soak/schedule.ts'
import { parseSoakOptions } from '../../soak/soak-options.ts'

const OPTIONS = { seed: '42', minutes: 10, workers: 2 }

test('the same seed gives the same steps, another one others', () => {
  assert.deepEqual(schedule(OPTIONS), schedule({ ...OPTIONS }))
  assert.notDeepEqual(schedule(OPTIONS), schedule({ ...OPTIONS, seed: '43' }))
})

test('the steps of a seed stay those of its earlier runs', () => {
  assert.deepEqual(schedule(OPTIONS).slice(0, 3).map(stepLine), [
    'temporal: kill, 4.4 s',
    'way to target: delay 134 ms, 6.3 s',
    'way to target: cut in COMMIT 2 times, 7.1 s',
  ])
})

test('in ten minutes every part is disturbed in every manner, and every step is undone in time', () => {
  const steps = schedule(OPTIONS)
  assert.deepEqual(
    steps.map(({ at }) => at),
    steps.map(({ at }) => at).sort((a, b) => a - b),
  )
  for (const step of steps) assert.ok(step.at + step.forMs < 600_000, stepLine(step))
  const kinds = new Set(steps.map(({ part, action }) => `${part.replace(/ \d$|way to source|way to target/, '')} ${action}`))
  assert.equal(kinds.size, 20, [...kinds].join(', '))
})

test('options that can be no run are refused in one sentence', () => {
  const parse = (...args: string[]) => parseSoakOptions(args, () => 'new')
  assert.deepEqual(parse(), { minutes: 3, seed: 'new', from: 13, to: 17, workers: 2, rate: 30, fence: 'none', dry: false })
  assert.equal(parse('--help'), undefined)
  for (const [name, value] of [
    ['minutes', '0'],
    ['from', '9'],
    ['workers', 'two'],
    ['rate', '-1'],
    ['fence', 'wood'],
  ] as const)
    assert.throws(() => parse(`--${name}=${value}`), new RegExp(`^Error: --${name} is "${value}", but must be`))
})
