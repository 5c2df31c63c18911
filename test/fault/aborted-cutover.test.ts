import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Context } from '@temporalio/activity'
import { createActivities } from '../../src/activities/create-activities.ts'
import { FAILPOINTS } from '../../src/activities/failpoints.ts'
import type { Failpoint } from '../../src/activities/failpoints.ts'
import { MigrationError } from '../../src/errors/migration-error.ts'
import { testMigration } from '../migration-run.ts'
import { ownWorkers } from '../own-workers.ts'
import { eventually } from '../servers.ts'
import { contents, smallPair } from '../small-source.ts'
import { sourceCatalogue } from '../source-catalogue.ts'
import { ABORTED_AT, AT_ABORT } from './cutover-steps.ts'

const READ_ONLY = { code: '25006' }
const NEW_CUSTOMER = (mail: string) => `insert into customers (mail) values ('${mail}@example.org')`
const DEFAULT = 'select current_setting($1) as read_only'

test(
  'a fenced cutover that is aborted at each step, and then leaks, leaves a writable source; at last it completes',
  { timeout: 300_000 },
  async () => {
    const { source, target } = await smallPair()
    const before = await sourceCatalogue(source.url)
    const migration = await testMigration({ source: source.url, target: target.url })
    /** Called once, at the failpoint of that name. */
    const at = new Map<Failpoint, () => Promise<void>>()
    const failpoint = async (name: Failpoint): Promise<void> => {
      const act = at.get(name)
      at.delete(name)
      await act?.()
    }
    await ownWorkers(migration, (_real, services) => createActivities({ ...services, failpoint }))
    const running = await migration.start({ ignoreWarnings: true, cutover: { fence: 'readOnly' } })
    const undelayed = () => running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
    const writable = async () => (await source.sql(DEFAULT, ['default_transaction_read_only']))[0]?.['read_only'] === 'off'

    for (const name of AT_ABORT) {
      at.set(name, () => {
        // Nobody learns of what it did, and another attempt does it again.
        throw new MigrationError('Fenced', 'the worker was lost')
      })
    }
    for (const [i, name] of ABORTED_AT.entries()) {
      await undelayed()
      let aborted = false
      at.set(name, async () => {
        await assert.rejects(source.sql(NEW_CUSTOMER('nobody')), READ_ONLY, name)
        await running.handle.executeUpdate('abortCutover')
        const { cancellationSignal } = Context.current()
        await eventually(`the cancel of the attempt at ${name}`, 30, () => cancellationSignal.aborted)
        aborted = true
      })
      await running.signal('cutover')
      await eventually(`the abort at ${name}`, 60, () => aborted)
      await running.reach('the way back', (s) => s.phase === 'incremental')
      assert.ok(await writable(), name)
      await source.sql(`${NEW_CUSTOMER(`c-${i}`)}; update customers set note = '${name}' where id = ${i + 1}`)
    }
    assert.equal((await running.status()).errors.total, 0)

    await undelayed()
    at.set(FAILPOINTS.objectsRestored, () => source.sql(`begin read write; ${NEW_CUSTOMER('leak')}; commit`).then(() => undefined))
    await running.signal('cutover')
    const { errors } = await running.reach('the way back', (s) => s.phase === 'incremental' && s.errors.total > 0)
    assert.equal(errors.items.at(-1)?.type, 'FenceLeaked')
    assert.match(
      errors.items.at(-1)?.message ?? '',
      /a change of "public"\."customers" was committed at [0-9A-F/]+, after the cutover's marker/,
    )
    await eventually('the fence to be lowered', 30, writable)
    await source.sql(NEW_CUSTOMER('after the leak'))

    await undelayed()
    await running.signal('cutover')
    const report = await running.result()
    assert.deepEqual(await contents(target), await contents(source))
    await assert.rejects(source.sql(NEW_CUSTOMER('too late')), READ_ONLY)
    assert.equal(report.cutover?.fence, 'readOnly')
    const steps = report.cutover.steps.map(({ step }) => step)
    const atOnce = ['copyUnstreamed', 'refreshViews', 'setSequences', 'validate', 'verifyTarget']
    assert.deepEqual(
      [...steps.slice(0, 4), ...steps.slice(4, 9).sort(), ...steps.slice(9)],
      [
        'catchUp',
        'raiseFence',
        'takeMarker',
        'drain',
        ...atOnce,
        'restoreTarget',
        'takeMarker',
        'restoreAccess',
        'compareMetadata',
        'releaseSource',
      ],
    )
    const time = (name: string) => {
      const { startedAt, endedAt } = report.cutover?.steps.find(({ step }) => step === name) ?? assert.fail(name)
      return { began: Date.parse(startedAt), ended: Date.parse(endedAt) }
    }
    const { downtimeMs } = report.cutover
    const [fence, end] = [time('raiseFence'), time('restoreAccess').ended]
    assert.ok(downtimeMs >= end - fence.ended && downtimeMs <= end - fence.began, `${downtimeMs} ms`)
    assert.equal(report.metadata?.total, 0)

    const [line, ...others] = report.left
    assert.deepEqual(others, [])
    assert.match(
      line ?? '',
      /^fence readOnly \(stays in force; this lifts it\): begin read write; alter database ".*" reset default_transaction_read_only; commit$/,
    )
    await source.sql(line?.split('): ')[1] ?? '')
    assert.deepEqual(await sourceCatalogue(source.url), before)
  },
)
