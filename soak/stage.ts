import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { moneyIn } from '../demo/compare-ledger.ts'
import { loadShop } from '../demo/load-shop.ts'
import { withSession } from '../demo/session.ts'
import { sourceState } from '../demo/source-state.ts'
import type { SourceState } from '../demo/source-state.ts'
import { startWriter } from '../demo/writer.ts'
import type { Writer } from '../demo/writer.ts'
import type { Ends } from '../dev/ends.ts'
import { startPostgres } from '../dev/postgres-server.ts'
import type { PostgresServer } from '../dev/postgres-server.ts'
import type { SoakOptions } from './soak-options.ts'
import { TemporalPart } from '../dev/temporal-part.ts'
import { LEAST_BULK, SOAK_TRANSACTIONS } from './transactions.ts'
import { Way } from '../dev/way.ts'

const SCALE = 0.02
const CONNECTIONS = 3
/** A batch of the copy, 8 MiB in one transaction, takes longer than the shortest time between two faults, and less than the longest. */
const MEGABYTES_PER_SECOND = 3
/** The copy takes about this share of the faults' time, so that both the copy and the stream are disturbed. */
const COPY_SHARE = 0.1
/** A table `soak.bulk_n`. */
const BULK_MEGABYTES = 2.5
const MOST_BULK = 60

/** Servers, a filled source, ways to both, and an application that writes. */
export interface Stage {
  readonly source: PostgresServer
  readonly target: PostgresServer
  readonly temporal: TemporalPart
  readonly ways: { readonly source: Way; readonly target: Way }
  /** Straight to the servers. */
  readonly urls: { readonly source: string; readonly target: string }
  readonly writer: Writer
  /** The source before the migration. */
  readonly before: SourceState
  readonly money: string
  readonly megabytesPerSecond: number
}

export async function setStage({ from, to, rate, minutes }: SoakOptions, folder: string, ends: Ends): Promise<Stage> {
  const postgres = async (major: number) => ends.add(await startPostgres({ major }), (started) => started.stop())
  const [source, target, temporal] = await Promise.all([
    postgres(from),
    postgres(to),
    TemporalPart.start(folder).then((started) => ends.add(started, () => started.stop())),
  ])
  const urls = { source: source.url('shop'), target: target.url('shop') }
  for (const server of [source, target]) {
    await withSession(server.url('postgres'), ({ query }) => query('create database shop template template0'))
  }
  await loadShop(urls.source, SCALE)
  const definitions = await readFile(new URL('soak.sql', import.meta.url), 'utf8')
  const bulk = Math.round((minutes * 60 * COPY_SHARE * MEGABYTES_PER_SECOND) / BULK_MEGABYTES)
  await withSession(urls.source, async ({ query }) => {
    await query(`set soak.bulk = '${Math.min(MOST_BULK, Math.max(LEAST_BULK, bulk))}'`)
    await query(definitions)
    await query('vacuum analyze')
  })
  const way = async (port: number) => ends.add(await Way.open(port), (opened) => opened.close())
  const ways = { source: await way(source.port), target: await way(target.port) }
  const before = await sourceState(urls.source)
  const money = await withSession(urls.source, moneyIn)
  const load = { ledger: path.join(folder, 'ledger.tsv'), connections: CONNECTIONS, rate, transactions: SOAK_TRANSACTIONS }
  const writer = ends.add(await startWriter(urls.source, load), (started) => started.stop())
  return { source, target, temporal, ways, urls, writer, before, money, megabytesPerSecond: MEGABYTES_PER_SECOND }
}
