import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Session } from '../demo/session.ts'
import { eventually } from '../dev/eventually.ts'
import { clientProgram } from '../src/postgres/client-program.ts'
import type { BenchOptions } from './bench-options.ts'
import { CHANGED_TABLES, changedFingerprints, hotStream, loadChangeTables, mixedStream } from './change-load.ts'
import { incrementalReport } from './incremental-report.ts'
import type { StreamFigures } from './incremental-report.ts'
import { recordSection } from './record-section.ts'
import { say } from './say.ts'
import { closing, PATIENCE_S, streamRig } from './stream-rig.ts'
import type { StreamRig } from './stream-rig.ts'

const run = promisify(execFile)
const DECODED = 'decoded'

/**
 * The same change streams applied by PostgreSQL's own subscription and by pgmove, one after the other, each from a slot that waited while
 * the stream was written; and only decoded, by pg_recvlogical. 0 if the results were equal.
 */
export async function incremental({ scale, from, to, record }: BenchOptions): Promise<number> {
  return closing(async (closers) => {
    say(`Loading (scale ${scale})`)
    const load = (url: string) => loadChangeTables(url, scale)
    const rig = await streamRig({ name: 'bench incremental', from, to, load, tables: CHANGED_TABLES, slots: [DECODED], closers })
    const figures = [await measure(rig, 'mixed', mixedStream, scale), await measure(rig, 'hot', hotStream, scale)]
    await rig.finish()
    const text = incrementalReport(figures, { scale, from, to })
    process.stdout.write(`\n${text}\n`)
    if (record) recordSection('Incremental', text)
    return 0
  })
}

async function measure(
  rig: StreamRig,
  stream: string,
  write: (url: string, scale: number) => Promise<number>,
  scale: number,
): Promise<StreamFigures> {
  const { source, target, native, worker } = rig
  say(`Writing the stream "${stream}"`)
  const changes = await write(rig.sourceUrl, scale)
  const [{ lsn } = {}] = await source.query('select pg_current_wal_insert_lsn()::text as lsn')
  const decoded = await secondsOf(() => decode(rig.sourceUrl, lsn ?? ''))
  say(`Only decoded: ${decoded.toFixed(1)} s`)

  await rig.enableNative()
  const nativeSeconds = await secondsUntilFinished(native, stream)
  const nativeCpu = await rig.serverCpu('native')
  await rig.disableNative()
  say(`PostgreSQL's subscription: ${nativeSeconds.toFixed(1)} s`)

  worker.memory.mark()
  const before = worker.cpuSeconds()
  await rig.resumePgmove()
  const pgmove = await secondsUntilFinished(target, stream)
  const pgmoveCpu = { ...(await rig.serverCpu('pgmove')), worker: worker.cpuSeconds() - before }
  const peakBytes = worker.memory.mark()
  worker.check()
  say(`pgmove: ${pgmove.toFixed(1)} s`)
  await rig.pausePgmove()

  const prints = await changedFingerprints(source)
  assert.deepEqual(await changedFingerprints(native), prints, "the subscription's result differs")
  assert.deepEqual(await changedFingerprints(target), prints, "pgmove's result differs")
  return { stream, changes, decoded, native: nativeSeconds, nativeCpu, pgmove, pgmoveCpu, peakBytes }
}

/** Reads the stream up to `lsn` and throws it away. */
async function decode(sourceUrl: string, lsn: string): Promise<void> {
  const plugin = ['-o', 'proto_version=1', '-o', 'publication_names=native']
  const args = ['-d', sourceUrl, '-S', DECODED, '--start', '-n', '-F', '0', '-f', '/dev/null', ...plugin, `--endpos=${lsn}`]
  await run(await clientProgram('pg_recvlogical', 10), args)
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1000
}

/** From now, when the stream flows, until its last transaction is visible. */
async function secondsUntilFinished(session: Session, stream: string): Promise<number> {
  return secondsOf(() =>
    eventually(`the end of the stream "${stream}"`, PATIENCE_S, async () => {
      return (await session.query('select from public.finished where stream = $1', [stream])).length > 0
    }),
  )
}
