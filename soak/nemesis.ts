import { setTimeout as pause } from 'node:timers/promises'
import type { PostgresServer } from '../dev/postgres-server.ts'
import type { Operator } from './operator.ts'
import { stepLine } from './schedule.ts'
import type { Part, Step } from './schedule.ts'
import type { TemporalPart } from '../dev/temporal-part.ts'
import type { Way } from '../dev/way.ts'
import type { WorkerCrew } from './worker-crew.ts'

/** Everything that can be disturbed. */
export interface Parts {
  readonly crew: WorkerCrew
  readonly temporal: TemporalPart
  readonly source: PostgresServer
  readonly target: PostgresServer
  readonly ways: { readonly source: Way; readonly target: Way }
  readonly operator: Operator
  /** The rate of the copy that the run began with, and that of now. */
  readonly copyRate: { readonly first: number; megabytesPerSecond: number | null }
}

/**
 * Takes the steps at their times, each when the one before on its part is undone. Resolves when all are undone, and the parts are as
 * they were; rejects at once when a step fails.
 */
export async function runNemesis(steps: readonly Step[], parts: Parts, stop: AbortSignal, say: (line: string) => void): Promise<void> {
  const started = Date.now()
  const busy = new Map<Part, Promise<void>>()
  let failed: ((error: unknown) => void) | undefined
  const failure = new Promise<never>((_, reject) => (failed = reject))
  failure.catch(() => undefined)
  for (const step of steps) {
    await Promise.race([pause(Math.max(0, step.at - (Date.now() - started)), undefined, { signal: stop }), failure])
    const before = busy.get(step.part) ?? Promise.resolve()
    const taken = before.then(async () => {
      say(stepLine(step))
      await take(step, parts)
    })
    taken.catch((error: unknown) => {
      failed?.(new Error(`The step "${stepLine(step)}" failed: ${(error as Error).message}`, { cause: error }))
    })
    busy.set(step.part, taken)
  }
  await Promise.race([Promise.all(busy.values()), failure])
}

async function take(step: Step, parts: Parts): Promise<void> {
  const { part, action, forMs } = step
  if (part === 'source' || part === 'target') {
    await (action === 'crash' ? parts[part].crash() : parts[part].halt())
    await pause(forMs)
    await parts[part].restart()
  } else if (part === 'temporal') await parts.temporal.restart(action === 'kill' ? 'kill' : 'restart', forMs)
  else if (part === 'operator') await operate(step, parts)
  else if (part === 'way to source') await disturb(parts.ways.source, step)
  else if (part === 'way to target') await disturb(parts.ways.target, step)
  else {
    const number = Number(part.split(' ')[1])
    if (action === 'stop') await parts.crew.suspend(number, forMs)
    else await parts.crew.replace(number, action === 'kill' ? 'SIGKILL' : 'SIGTERM', forMs)
  }
}

async function operate({ action, forMs, value = 100 }: Step, { operator, copyRate }: Parts): Promise<void> {
  const signal = (name: string, argument?: unknown) => operator.signal(name, argument)
  if (action === 'liftTransferRate') {
    copyRate.megabytesPerSecond = null
    await signal('setTransferRate', { megabytesPerSecond: null })
  } else if (action === 'setTransferRate') {
    await signal('setTransferRate', { megabytesPerSecond: (copyRate.first * value) / 100 })
    await pause(forMs)
    await signal('setTransferRate', { megabytesPerSecond: copyRate.megabytesPerSecond })
  } else {
    const [first, then] = action === 'pause' ? (['pause', 'resume'] as const) : (['cutover', 'abortCutover'] as const)
    await signal(first)
    await pause(forMs)
    await signal(then)
  }
}

async function disturb(way: Way, { action, forMs, value = 0 }: Step): Promise<void> {
  if (action === 'cut') way.cut()
  else if (action === 'refuse') way.refuse()
  else if (action === 'hang') way.silence()
  else if (action === 'half-open') way.loseServer()
  else if (action === 'delay') way.delay(value)
  else if (action === 'throttle') way.throttle(value)
  else way.cutCommits(value)
  await pause(forMs)
  await way.heal()
}
