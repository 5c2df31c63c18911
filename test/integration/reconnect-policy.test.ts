import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { ApplicationFailure } from '@temporalio/common'
import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import { freePort } from '../../dev/free-port.ts'
import { createActivities } from '../../src/activities/create-activities.ts'
import { PRODUCTION_SERVICES } from '../../src/activities/activity-run.ts'
import type { Outage } from '../../src/activities/reconnect-window.ts'
import type { Side } from '../../src/errors/error-kind.ts'
import { validateSpec } from '../../src/spec/validate-spec.ts'
import type { MigrationSpec } from '../../src/spec/migration-spec.ts'
import type { MigrationActivities } from '../../src/workflows/migration-activities.ts'
import { prepareHandoff } from '../handoff-run.ts'
import { migrationFixture } from '../migration-fixture.ts'
import type { MigrationFixture } from '../migration-fixture.ts'
import { server } from '../servers.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const LOST_AT = Date.UTC(2026, 0, 1)
const DEADLINE = LOST_AT + 12 * HOUR

/** What an activity is given beside the migration, and which sides it connects to. */
const ACTIVITIES: Readonly<
  Record<
    keyof Omit<MigrationActivities, 'tryConnection' | 'watchSlot' | 'findSearchAttributes'>,
    readonly [sides: readonly Side[], extra: object]
  >
> = {
  precheck: [['source', 'target'], { ignoreWarnings: true }],
  prepareSource: [['source', 'target'], {}],
  dumpDefinitions: [['source', 'target'], {}],
  restoreDefinitions: [['target'], {}],
  planTables: [['source', 'target'], {}],
  prepareTarget: [['target'], {}],
  copyGroup: [['source', 'target'], { group: 0, jobs: 1 }],
  copyLargeObjects: [['source', 'target'], {}],
  copyUnderOneSnapshot: [['source', 'target'], {}],
  copyAgain: [['source', 'target'], {}],
  resolveTable: [['target'], { table: { schema: 'public', table: 't' }, action: 'leaveOut', waitedFor: null }],
  buildIndexes: [['target'], { group: 0, entry: null }],
  finishCopy: [['target'], {}],
  applyChanges: [['source', 'target'], { until: null }],
  attachForeignKeys: [['target'], {}],
  restoreConstraints: [['target'], {}],
  raiseFence: [['source'], {}],
  lowerFence: [['source'], {}],
  waitApplied: [['target'], { lsn: '0/1' }],
  takeMarker: [['source'], {}],
  verifyTarget: [['source', 'target'], {}],
  compareCounts: [['source', 'target'], {}],
  refreshViews: [['source', 'target'], {}],
  setSequences: [['source', 'target'], {}],
  restoreTarget: [['target'], {}],
  undoRestore: [['target'], {}],
  compareData: [
    ['source', 'target'],
    {
      validation: {
        what: ['data'],
        method: 'checksum',
        sample: 1,
        tables: null,
        transferRate: { megabytesPerSecond: null, rowsPerSecond: null },
      },
    },
  ],
  compareChanged: [['source', 'target'], {}],
  logKeys: [['target'], { open: true }],
  compareMetadata: [['source', 'target'], { own: true }],
  putTargetBack: [['target'], { outcome: 'Cancelled' }],
  releaseSource: [['source'], {}],
  setPaused: [['target'], { paused: true }],
  setTransferRate: [['target'], { rate: { megabytesPerSecond: null, rowsPerSecond: null } }],
  writeReport: [['target'], { facts: {} }],
}

let fixture: MigrationFixture
let nobody: string

before(async () => {
  fixture = await migrationFixture(await server(13), await server(17), 'create table t (id int primary key)')
  await prepareHandoff(fixture)
  nobody = `postgres://postgres@127.0.0.1:${await freePort()}/nowhere`
})

/** What an attempt of the activity fails with at `now`, while one side is away since `LOST_AT`. */
async function failureAt(name: keyof MigrationActivities, away: Side, extra: object, now: number): Promise<[ApplicationFailure, Outage]> {
  const urls = { source: fixture.source.url, target: fixture.target.url, [away]: nobody }
  const checked = validateSpec({ source: { url: urls.source }, target: { url: urls.target } })
  assert.ok('spec' in checked)
  const outages = { [away]: { lostAt: LOST_AT, deadline: DEADLINE, lastAttemptAt: now - MINUTE } }
  const info = { attempt: 700, heartbeatDetails: { outages, progress: {} } }
  // No workflow listens, which is worth a warning each.
  const environment = new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') })
  let beat: { outages: Partial<Record<Side, Outage>> } | undefined
  environment.on('heartbeat', (details: typeof beat) => (beat = details))
  const activities = createActivities({ ...PRODUCTION_SERVICES, now: () => now, paceMs: 0 })
  const call = (input: { ref: unknown; spec: MigrationSpec }) => (activities[name] as (given: unknown) => Promise<unknown>)(input)
  const failure = await environment.run(call, { ref: fixture.ref, spec: checked.spec, ...extra }).then(
    () => assert.fail(`${name} succeeded without the ${away}`),
    (error: unknown) => error as ApplicationFailure,
  )
  const outage = beat?.outages[away]
  assert.ok(outage, `${name}: the last heartbeat tells of no outage`)
  return [failure, outage]
}

describe('every activity holds to the reconnect window, 12 hours by default', () => {
  for (const [name, [sides, extra]] of Object.entries(ACTIVITIES)) {
    for (const away of sides) {
      test(`${name} without the ${away}: 11 h 59 min after the loss it is tried again, after 12 h 01 min it ends`, async () => {
        const activity = name as keyof MigrationActivities
        const [within, outage] = await failureAt(activity, away, extra, DEADLINE - MINUTE)
        assert.equal(within.type, 'ConnectionLost', within.message)
        assert.ok(!within.nonRetryable)
        const delay = Number(within.nextRetryDelay)
        assert.ok(delay >= 1_000 && delay <= 15_000, `${delay} ms until the next attempt`)
        assert.ok(within.message.includes(new Date(LOST_AT).toISOString()) && within.message.includes(new Date(DEADLINE).toISOString()))
        assert.deepEqual(outage, { lostAt: LOST_AT, deadline: DEADLINE, lastAttemptAt: DEADLINE - MINUTE })

        const [past] = await failureAt(activity, away, extra, DEADLINE + MINUTE)
        assert.equal(past.type, away === 'source' ? 'SourceUnreachable' : 'TargetUnreachable')
        assert.equal(past.nonRetryable, true)
        assert.equal((past.details?.[0] as { lostAt: string }).lostAt, new Date(LOST_AT).toISOString())
      })
    }
  }
})
