import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { compare } from '../demo/compare.ts'
import type { Check } from '../demo/compare.ts'
import { Ends } from '../dev/ends.ts'
import { INTERRUPTED } from '../dev/interruption.ts'
import { runNemesis } from './nemesis.ts'
import { Operator } from './operator.ts'
import { PositionSampler } from './position-sampler.ts'
import { schedule } from './schedule.ts'
import type { SoakOptions } from './soak-options.ts'
import { setStage } from './stage.ts'
import { WorkerCrew } from './worker-crew.ts'

/** What the migration is given to catch up after the last fault, and for its cutover. */
const DRAIN_SECONDS = 240
const CUTOVER_SECONDS = 180

type Say = (line: string) => void

/** Runs the soak; resolves with the exit code, after everything it started has ended. */
export async function runSoak(options: SoakOptions, interrupted: AbortSignal, say: Say): Promise<number> {
  const { minutes, seed, from, to, workers, rate } = options
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-soak-'))
  const ends = new Ends()
  const stopped = new Promise<never>((_, reject) => interrupted.addEventListener('abort', () => reject(interrupted.reason as Error)))
  stopped.catch(() => undefined)
  const faults: string[] = []
  let code = 1
  say(`pgmove soak: PostgreSQL ${from} to ${to}, ${minutes} minutes, seed ${seed}, ${workers} workers, ${rate} transactions a second`)
  try {
    const checks = await Promise.race([soak(options, { folder, ends, interrupted, say, faults }), stopped])
    for (const { what, found, differences } of checks) {
      say(`${differences.length === 0 ? '✔' : '✖'} ${what}: ${differences.length === 0 ? found : differences.slice(0, 10).join('; ')}`)
    }
    code = checks.every(({ differences }) => differences.length === 0) ? 0 : 1
  } catch (error) {
    if (interrupted.aborted) code = INTERRUPTED
    else say(`✖ the run broke off: ${error instanceof Error ? error.message : String(error)}`)
    for (const fault of faults) say(`✖ ${fault}`)
  } finally {
    await ends.end()
  }
  say(code === 0 ? `Passed (seed ${seed}).` : code === INTERRUPTED ? 'Interrupted.' : `FAILED (seed ${seed}); logs and ledger: ${folder}`)
  if (code !== 1) await rm(folder, { recursive: true, force: true })
  return code
}

interface Run {
  readonly folder: string
  readonly ends: Ends
  readonly interrupted: AbortSignal
  readonly say: Say
  /** Gets what went wrong on the way. */
  readonly faults: string[]
}

async function soak(options: SoakOptions, { folder, ends, interrupted, say, faults }: Run): Promise<Check[]> {
  const stage = await setStage(options, folder, ends)
  const { source, target, temporal, ways, urls, writer, before, money, megabytesPerSecond } = stage
  const started = Date.now()
  const stamped: Say = (line) => say(`${((Date.now() - started) / 1000).toFixed(1).padStart(7)} s  ${line}`)
  const env = {
    TEMPORAL_ADDRESS: temporal.address,
    SOAK_SOURCE: ways.source.through(urls.source),
    SOAK_TARGET: ways.target.through(urls.target),
  }
  const operator = ends.add(await Operator.start(temporal.address, specification(megabytesPerSecond)), (sender) => sender.stop())
  const crew = ends.add(new WorkerCrew({ workers: options.workers, folder, env, say: stamped, interrupted }), (all) => all.stop())
  const sampler = ends.add(new PositionSampler(urls), (sampling) => sampling.stop())
  operator.watch((fault) => {
    faults.push(fault)
    stamped(`✖ ${fault}`)
  }, stamped)

  const parts = { crew, temporal, source, target, ways, operator, copyRate: { first: megabytesPerSecond, megabytesPerSecond } }
  const steps = schedule(options)
  await Promise.race([runNemesis(steps, parts, interrupted, stamped), writer.failure])
  stamped(`healed; the application has committed ${writer.commits} times`)

  const healed = Date.now()
  const caughtUp = operator.reach('undelayed replication', DRAIN_SECONDS, (s) => s.phase === 'incremental' && s.undelayed)
  await Promise.race([caughtUp, writer.failure])
  stamped(`undelayed ${((Date.now() - healed) / 1000).toFixed(1)} s after the last fault`)
  const { fence } = options
  if (fence === 'none') await writer.stop()
  await operator.signal('cutover', { fence })
  const report = await Promise.race([operator.report(CUTOVER_SECONDS), writer.failure])
  const ledger = await writer.stop()
  stamped(`cut over; ${report.transactions} transactions and ${report.changes} changes were applied`)
  await writeFile(path.join(folder, 'report.json'), JSON.stringify(report, null, 2))
  const positions = await sampler.stop()
  await operator.stop()
  await crew.stop()
  const broken = `${ways.target.brokenCommits} ambiguous COMMITs`
  const compared = await compare({ ...urls, before, book: { ledger, money } })
  // The fence outlives the migration on purpose, and the report says so.
  const fences = fence === 'none' ? 0 : 1
  const beside = (differences: readonly string[]) =>
    differences.filter((line) => !fences || !line.includes('default_transaction_read_only'))
  return [
    ...compared.map((check) => (check.what === 'source' ? { ...check, differences: beside(check.differences) } : check)),
    { what: 'positions', found: `${sampler.samples} samples, the slot never above the progress`, differences: [...new Set(positions)] },
    { what: 'errors', found: `none that a step doesn't explain`, differences: faults },
    { what: 'warnings', found: 'Node.js gave none in the workers', differences: crew.warnings() },
    {
      what: 'left',
      found: fences ? 'the fence, as the report says' : 'nothing, as the report says',
      differences: report.left.slice(fences),
    },
    { what: 'faults', found: `${steps.length} steps, ${broken}, ${crew.endedAlone} workers that ended by themselves`, differences: [] },
  ]
}

function specification(megabytesPerSecond: number): Record<string, unknown> {
  return {
    name: 'soak',
    source: { env: 'SOAK_SOURCE' },
    target: { env: 'SOAK_TARGET' },
    ignoreWarnings: true,
    transferRate: { megabytesPerSecond },
    copy: { tableJobs: 2, indexJobs: 1 },
  }
}
