import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Client, Connection } from '@temporalio/client'
import type { WorkflowHandle } from '@temporalio/client'
import { loadShop } from '../../demo/load-shop.ts'
import { withSession } from '../../demo/session.ts'
import { startWorker } from '../../demo/worker-process.ts'
import { startWriter } from '../../demo/writer.ts'
import { reportPage } from '../../src/cli/views/report-page.ts'
import type { MigrationReport } from '../../src/workflows/migration-report.ts'
import type { Status } from '../../src/workflows/status.ts'
import { browserPage } from '../browser-page.ts'
import type { BrowserPage } from '../browser-page.ts'
import { chromium } from '../chromium.ts'
import type { Ends } from '../ends.ts'
import { eventually } from '../eventually.ts'
import { startPostgres } from '../postgres-server.ts'
import { startTemporal } from '../temporal-server.ts'
import { Way } from '../way.ts'

const IMAGES = fileURLToPath(new URL('../../docs/images/', import.meta.url))
const PATIENCE_S = 120
/** In pixels. */
const WINDOW = { width: 1500, height: 2000 }
/** Of the Web UI's page: left of it are its menus, above it what it says of every workflow. */
const CONTENT = { x: 270, y: 300, width: 1215 }

/** A migration whose pages are taken. */
interface Shown {
  readonly handle: WorkflowHandle
  reach(what: string, done: (status: Status) => boolean): Promise<void>
  /** Shows a tab until each text stands there, and takes a picture of its upper part, so many pixels high. */
  take(name: string, tab: string, height: number, ...texts: readonly string[]): Promise<void>
}

/** Moves the demo's shop and takes pictures on the way: copy, stream, outage, end; then of a migration that waits, and of one that has failed. */
export async function takeScreenshots(ends: Ends): Promise<void> {
  await mkdir(IMAGES, { recursive: true })
  const folder = ends.add(await mkdtemp(path.join(os.tmpdir(), 'pgmove-screenshots-')), (made) => rm(made, { recursive: true }))
  const temporal = ends.add(await startTemporal({ uiPort: 8233 }), (server) => server.stop())
  const source = ends.add(await startPostgres({ major: 13 }), (server) => server.stop())
  const target = ends.add(await startPostgres({ major: 17 }), (server) => server.stop())
  for (const server of [source, target]) await withSession(server.url('postgres'), ({ query }) => query('create database shop'))
  await loadShop(source.url('shop'))
  const writer = ends.add(await startWriter(source.url('shop'), { ledger: path.join(folder, 'ledger'), rate: 50 }), (one) => one.stop())
  const way = ends.add(await Way.open(source.port), (one) => one.close())
  const urls = { SHOP_SOURCE: way.through(source.url('shop')), SHOP_TARGET: target.url('shop') }
  ends.add(startWorker(temporal.address, urls, path.join(folder, 'worker.log')), (worker) => worker.stop())
  const page = ends.add(await browserPage(await chromium()), (one) => one.close())
  const connection = ends.add(await Connection.connect({ address: temporal.address }), (one) => one.close())
  const place = { page, client: new Client({ connection }), uiUrl: temporal.uiUrl ?? '' }

  const transferRate = { megabytesPerSecond: 1 }
  const shop = await start(place, 'shop', { name: 'shop to the new cluster', transferRate, cutover: { fence: 'readOnly' } })
  await shop.reach('a copy halfway', ({ phase, tables }) => phase === 'full' && tables.copied > 2)
  await shop.take('full-data', 'user-metadata', 740, 'Being copied', '█')
  await shop.handle.signal('setTransferRate', { megabytesPerSecond: null })
  await shop.reach('undelayed replication', ({ phase, undelayed }) => phase === 'incremental' && undelayed)
  await shop.take('incremental', 'user-metadata', 730, 'Lag: ', 'cutover')
  way.refuse()
  await shop.reach('the outage', ({ state }) => state === 'reconnecting')
  await shop.take('outage', 'user-metadata', 680, 'since')
  await shop.take('outage-pending-activity', 'pending-activities', 760, 'ConnectionLost')
  await way.admit()
  await shop.reach('the stream again', ({ state, undelayed }) => state === 'running' && undelayed)
  await writer.stop()
  await shop.handle.signal('cutover')
  const report = (await shop.handle.result()) as MigrationReport
  await shop.take('timeline', 'timeline', 1100, 'Release the source')
  await writeFile(path.join(folder, 'report.html'), reportPage({ workflowId: 'shop', closedAt: new Date().toISOString() }, report))
  await page.resize(1000, 1300)
  await page.open(pathToFileURL(path.join(folder, 'report.html')).href)
  await eventually('the report', PATIENCE_S, async () => (await page.text()).includes('Nobody could write'))
  await save(page, 'report')

  const waiting = await start(place, 'shop-again', {})
  await waiting.reach('a failed precheck', ({ state }) => state === 'waiting')
  await waiting.take('waiting', 'user-metadata', 880, 'rerunPrecheck')
  await waiting.handle.cancel()
  await waiting.handle.result().catch(() => undefined)
  const failed = await start(place, 'shop-once-more', { precheck: { wait: false } })
  await failed.handle.result().catch(() => undefined)
  await failed.take('failed', 'timeline', 620, 'existing')
}

interface Place {
  readonly page: BrowserPage
  readonly client: Client
  readonly uiUrl: string
}

async function start({ page, client, uiUrl }: Place, workflowId: string, more: object): Promise<Shown> {
  const spec = { source: { env: 'SHOP_SOURCE' }, target: { env: 'SHOP_TARGET' }, ignoreWarnings: true, ...more }
  const shown = { staticSummary: 'shop to the new cluster', staticDetails: '- Source: `$SHOP_SOURCE`\n- Target: `$SHOP_TARGET`' }
  const handle = await client.workflow.start('migrateDatabase', { taskQueue: 'pgmove', workflowId, args: [spec], ...shown })
  return {
    handle,
    reach: async (what, done) => {
      await eventually(what, PATIENCE_S, async () => done(await handle.query<Status>('status')))
    },
    take: async (name, tab, height, ...texts) => {
      await page.resize(WINDOW.width, WINDOW.height)
      await page.open(`${uiUrl}/namespaces/default/workflows/${workflowId}/${handle.firstExecutionRunId}/${tab}`)
      for (const text of texts)
        await eventually(`${text} on the page for ${name}`, PATIENCE_S, async () => (await page.text()).includes(text))
      await save(page, name, { ...CONTENT, height })
    },
  }
}

async function save(page: BrowserPage, name: string, part?: Parameters<BrowserPage['picture']>[0]): Promise<void> {
  await writeFile(path.join(IMAGES, `${name}.png`), await page.picture(part))
  console.log(`docs/images/${name}.png`)
}
