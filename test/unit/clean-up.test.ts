import assert from 'node:assert/strict'
import test from 'node:test'
import type { Client } from '@temporalio/client'
import { cleanUpScheduleId } from '../../src/clean-up/clean-up-schedule.ts'
import type { RecordedMigration } from '../../src/clean-up/recorded-migration.ts'
import { verdict } from '../../src/clean-up/verdict.ts'
import { fenceOf, workflowState } from '../../src/clean-up/workflow-state.ts'
import { streamedSource, validateCleanUp } from '../../src/spec/clean-up-argument.ts'

const HOUR = 3_600_000
const RULES = { olderThanMs: 24 * HOUR, foreignToo: false }
const MIGRATION: RecordedMigration = {
  ...{ id: '0123456789abcdef', namespaceId: 'n', workflowId: 'w', firstRunId: 'first', recorded: { slot: 1 } },
  ...{ active: false, idleMs: 24 * HOUR, retainedBytes: '0' },
}

test('only a closed workflow, or one that nobody knows and that has stood still, is removed', () => {
  const removed = (state: Parameters<typeof verdict>[1], change: Partial<RecordedMigration> = {}, rules: Partial<typeof RULES> = {}) =>
    verdict({ ...MIGRATION, ...change }, state, { ...RULES, ...rules }).remove
  assert.equal(removed('open', { idleMs: 9999 * HOUR }, { foreignToo: true }), false)
  // However lately it beat: nobody can go on with it.
  assert.equal(removed('closed', { idleMs: 0, active: true }), true)
  assert.equal(removed('unknown'), true)
  assert.equal(removed('unknown', { idleMs: 24 * HOUR - 1 }), false)
  assert.equal(removed('unknown', { active: true }), false)
  assert.equal(removed('foreign', { idleMs: 9999 * HOUR }), false)
  assert.equal(removed('foreign', {}, { foreignToo: true }), true)
  assert.equal(removed('foreign', { idleMs: 24 * HOUR - 1 }, { foreignToo: true }), false)
  assert.equal(removed('foreign', { active: true }, { foreignToo: true }), false)
})

test('a workflow is open unless Temporal says that its chain of runs is over', async () => {
  const state = (answer: object | Error) => {
    const describeWorkflowExecution = async () => {
      if (answer instanceof Error) throw answer
      return { workflowExecutionInfo: answer }
    }
    return workflowState({ workflowService: { describeWorkflowExecution } } as unknown as Client, 'default', MIGRATION)
  }
  // temporal.api.enums.v1.WorkflowExecutionStatus
  const [RUNNING, COMPLETED, FAILED, CANCELED, TERMINATED, CONTINUED, TIMED_OUT, PAUSED] = [1, 2, 3, 4, 5, 6, 7, 8]
  for (const status of [RUNNING, CONTINUED, PAUSED, undefined]) assert.equal(await state({ status, firstRunId: 'first' }), 'open')
  for (const status of [COMPLETED, FAILED, CANCELED, TERMINATED, TIMED_OUT]) {
    assert.equal(await state({ status, firstRunId: 'first' }), 'closed')
  }
  assert.equal(await state({ status: RUNNING, firstRunId: 'another' }), 'closed', 'of the runs under one ID only the newest can be open')
  assert.equal(await state({ status: RUNNING, firstRunId: '' }), 'open', 'a server that does not tell the first run')
  assert.equal(await state(Object.assign(new Error('not found'), { code: 5 })), 'unknown')
  await assert.rejects(state(Object.assign(new Error('unavailable'), { code: 14 })), /unavailable/)
})

test('the fence of a completed migration stays, that of another closed one is lifted, and whoever does not know leaves it alone', async () => {
  const of = (newest: object | undefined, first?: object) => {
    const describeWorkflowExecution = async ({ execution: { runId } }: { execution: { runId: string } }) => {
      const info = runId === '' ? newest : first
      if (!info) throw Object.assign(new Error('not found'), { code: 5 })
      return { workflowExecutionInfo: info }
    }
    return fenceOf({ workflowService: { describeWorkflowExecution } } as unknown as Client, 'default', MIGRATION)
  }
  const [RUNNING, COMPLETED, FAILED, CONTINUED] = [1, 2, 3, 6]
  assert.equal(await of({ status: COMPLETED, firstRunId: 'first' }), 'keep')
  assert.equal(await of({ status: FAILED, firstRunId: 'first' }), 'lift')
  assert.equal(await of({ status: RUNNING, firstRunId: 'first' }), 'leave')
  for (const newest of [
    { status: RUNNING, firstRunId: 'another' },
    { status: FAILED, firstRunId: '' },
  ]) {
    assert.equal(await of(newest, { status: COMPLETED }), 'keep')
    assert.equal(await of(newest, { status: FAILED }), 'lift')
    assert.equal(await of(newest, { status: CONTINUED }), 'leave', 'how the chain ended is not known')
    assert.equal(await of(newest), 'leave')
  }
  assert.equal(await of(undefined), 'leave')
})

test('the argument has its defaults, and consent to remove what is foreign takes both sources and olderThan', () => {
  const argumentOf = (input: unknown) => {
    const checked = validateCleanUp(input)
    assert.ok('argument' in checked, JSON.stringify(checked))
    return checked.argument
  }
  const defaults = { sources: null, olderThanMs: 24 * HOUR, foreignToo: false, dryRun: false }
  for (const nothing of [undefined, null, {}]) assert.deepEqual(argumentOf(nothing), defaults)
  const sources = [{ env: 'SHOP' }]
  assert.deepEqual(argumentOf({ sources, olderThan: '1h', dryRun: true }), { sources, olderThanMs: HOUR, foreignToo: true, dryRun: true })
  assert.equal(argumentOf({ sources }).foreignToo, false)
  assert.equal(argumentOf({ olderThan: '1h' }).foreignToo, false)
})

test('a wrong argument is told with its paths, and no value of a connection', () => {
  const input = {
    sources: ['postgres://me:hunter2@h/d', { url: 'postgres://me:hunter2@h/d', hunter2: 'x' }],
    olderThan: '59m',
    dryRun: 1,
    x: 1,
  }
  const checked = validateCleanUp(input)
  assert.ok('problems' in checked)
  const paths = checked.problems.map(({ path }) => path)
  for (const path of ['$.sources[0]', '$.olderThan', '$.dryRun', '$.x']) assert.ok(paths.includes(path), `${path} of ${paths.join(', ')}`)
  assert.ok(!JSON.stringify(checked.problems).includes('me:'))
  assert.ok('problems' in validateCleanUp({ sources: [] }))
  assert.ok('problems' in validateCleanUp([]))
})

test('only migrations that stream have a source to clean, and only by a reference without a password', () => {
  const source = { env: 'SHOP' }
  assert.deepEqual(streamedSource({ source }), source)
  assert.deepEqual(streamedSource({ source, types: ['incremental'] }), source)
  for (const none of [undefined, null, 'x', {}, { source, types: ['schema', 'full'] }, { source: { url: 'postgres://me:hunter2@h/d' } }]) {
    assert.equal(streamedSource(none), undefined)
  }
})

test('each task queue has a schedule of its own', () => {
  assert.equal(cleanUpScheduleId('pgmove'), 'pgmove-clean-up-slots')
  assert.equal(cleanUpScheduleId('eu'), 'pgmove-clean-up-slots-eu')
})
