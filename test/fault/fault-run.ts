import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { moneyIn } from '../../demo/compare-ledger.ts'
import { compare } from '../../demo/compare.ts'
import { loadShop } from '../../demo/load-shop.ts'
import { withSession } from '../../demo/session.ts'
import { sourceState } from '../../demo/source-state.ts'
import { startWriter } from '../../demo/writer.ts'
import type { Writer } from '../../demo/writer.ts'
import type { MigrationReport } from '../../src/workflows/migration-report.ts'
import { testMigration } from '../migration-run.ts'
import type { RunningMigration, TestMigration } from '../migration-run.ts'
import { atEnd, database } from '../servers.ts'
import type { TestDatabase, TestServer } from '../servers.ts'
import { failpointOrders, FOLDER_VARIABLE } from './failpoint-files.ts'
import type { FailpointOrders } from './failpoint-files.ts'
import { shiftClock } from './shifted-clock.ts'

export const LIMIT = { timeout: 400_000 }

/** A small shop under a writer that keeps a ledger, and a migration of it whose workers die and stand still at will. */
export interface FaultRun {
  readonly source: TestDatabase
  readonly target: TestDatabase
  readonly migration: TestMigration
  readonly failpoints: FailpointOrders
  /** Sets the clock of the workers with failpoints so much ahead. */
  readonly shiftClock: (ms: number) => void
  readonly writer: Writer
  /** Keeps one worker running: whenever one has died, the next is started. Returns what ends that; idempotent. */
  superviseWorkers(): () => Promise<void>
  /** Ends the writer, once replication is undelayed, and cuts over. */
  cutOver(running: RunningMigration, seconds?: number): Promise<MigrationReport>
  /** Fails unless both sides are equal, each acknowledged commit is there once, and nothing is left on the source. */
  assertMoved(): Promise<void>
}

export interface FaultRunOptions {
  readonly from: Pick<TestServer, 'url'>
  readonly to: Pick<TestServer, 'url'>
  /** Changes the URLs that the workers get: the way through a proxy. */
  readonly through?: { readonly source?: (url: string) => string; readonly target?: (url: string) => string }
  /** Temporal of the test's own. Default: the shared one. */
  readonly temporal?: { readonly address: string; readonly cli: string }
  /** Size of the shop. Default 0.01, about 8,000 rows. */
  readonly scale?: number
  /** Transactions a second. Default 30. */
  readonly rate?: number
  /** Adds to the source before anything else happens. */
  readonly prepare?: (source: TestDatabase) => Promise<unknown>
}

export async function faultRun({ from, to, through = {}, temporal, scale = 0.01, rate = 30, prepare }: FaultRunOptions): Promise<FaultRun> {
  const source = await database(from)
  const target = await database(to)
  await loadShop(source.url, scale)
  await prepare?.(source)
  const before = await sourceState(source.url)
  const money = await withSession(source.url, moneyIn)
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-fault-'))
  atEnd(() => rm(folder, { recursive: true, force: true }))
  const migration = await testMigration(
    { source: through.source?.(source.url) ?? source.url, target: through.target?.(target.url) ?? target.url },
    temporal,
  )
  const writer = await startWriter(source.url, { ledger: path.join(folder, 'ledger'), connections: 2, rate })
  atEnd(() => writer.stop())
  migration.env[FOLDER_VARIABLE] = folder
  return {
    source,
    target,
    migration,
    failpoints: failpointOrders(folder),
    shiftClock: (ms) => shiftClock(folder, ms),
    writer,
    superviseWorkers: () => supervise(migration),
    cutOver: async (running, seconds = 120) => {
      await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed, seconds)
      await writer.stop()
      await running.signal('cutover')
      return await running.result()
    },
    assertMoved: async () => {
      const ledger = await writer.stop()
      assert.ok(ledger.acknowledged.size > 20, `the writer committed only ${ledger.acknowledged.size} times`)
      const checks = await compare({ source: source.url, target: target.url, before, book: { ledger, money } })
      assert.deepEqual(
        checks.filter((check) => check.differences.length > 0),
        [],
      )
    },
  }
}

/** The entry of workers that follow orders at failpoints. */
export const FAILPOINT_WORKER = 'test/fault/failpoint-worker.ts'

function supervise(migration: TestMigration): () => Promise<void> {
  let ended = false
  let current: Awaited<ReturnType<TestMigration['worker']>> | undefined
  const loop = async (): Promise<void> => {
    while (!ended) {
      current = await migration.worker({}, FAILPOINT_WORKER)
      const how = await current.child.ended
      if (how === 0) return
      if (!ended && how !== 'SIGKILL') throw new Error(`a worker ended by itself (${how}):\n${(await current.log()).slice(-2000)}`)
    }
  }
  const running = loop()
  running.catch(() => undefined)
  const end = async (): Promise<void> => {
    ended = true
    await current?.drain()
    await running
  }
  atEnd(end)
  return end
}
