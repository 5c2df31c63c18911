import { seededRandom } from './random.ts'

/** What is disturbed. Steps of one part follow one another; those of different parts overlap. */
export type Part = `worker ${number}` | 'temporal' | 'source' | 'target' | 'way to source' | 'way to target' | 'operator'

export type Action =
  /** SIGKILL, and a new process after `forMs`. */
  | 'kill'
  /** SIGSTOP, and SIGCONT after `forMs`. */
  | 'stop'
  /** SIGTERM to a worker or Temporal's server, a fast shutdown of a PostgreSQL server; started again after `forMs`. */
  | 'restart'
  /** Immediate shutdown of a PostgreSQL server: no checkpoint. */
  | 'crash'
  /** Every connection breaks, once. */
  | 'cut'
  /** Connections break and are refused for `forMs`. */
  | 'refuse'
  /** Nothing passes for `forMs`, then everything that was held back. */
  | 'hang'
  /** The server's ends break at once; the client's are told after `forMs`. */
  | 'half-open'
  /** Every byte comes `value` ms later. */
  | 'delay'
  /** `value` bytes a second pass, each way of a connection. */
  | 'throttle'
  /** `value` times a COMMIT arrives, and its answer doesn't. */
  | 'cut in COMMIT'
  /** The signal pause, and resume after `forMs`. */
  | 'pause'
  /** The signal setTransferRate with `value` percent of the rate that the run began with, and that one again after `forMs`. */
  | 'setTransferRate'
  /** The signal setTransferRate without a limit, for good: once, when the copy has been disturbed for long enough. */
  | 'liftTransferRate'
  /** The signal cutover, and abortCutover after `forMs`. */
  | 'abortCutover'

export interface Step {
  /** Milliseconds since the migration was started. */
  readonly at: number
  readonly part: Part
  readonly action: Action
  readonly forMs: number
  readonly value?: number
}

interface Kind {
  readonly part: 'worker' | 'way' | Part
  readonly action: Action
  readonly seconds: readonly [least: number, most: number]
  readonly value?: readonly [least: number, most: number]
}

/** One round: what stands here comes equally often, in an order of the seed's. */
const KINDS: readonly Kind[] = [
  { part: 'worker', action: 'kill', seconds: [0, 6] },
  { part: 'worker', action: 'kill', seconds: [0, 2] },
  { part: 'worker', action: 'stop', seconds: [3, 20] },
  { part: 'worker', action: 'restart', seconds: [0, 3] },
  { part: 'temporal', action: 'restart', seconds: [0, 10] },
  { part: 'temporal', action: 'kill', seconds: [0, 5] },
  { part: 'source', action: 'crash', seconds: [0, 6] },
  { part: 'source', action: 'restart', seconds: [0, 6] },
  { part: 'target', action: 'crash', seconds: [0, 6] },
  { part: 'target', action: 'restart', seconds: [0, 6] },
  { part: 'way', action: 'cut', seconds: [0, 0] },
  { part: 'way', action: 'refuse', seconds: [1, 8] },
  { part: 'way', action: 'hang', seconds: [2, 20] },
  { part: 'way', action: 'half-open', seconds: [3, 15] },
  { part: 'way', action: 'delay', seconds: [3, 10], value: [20, 300] },
  { part: 'way', action: 'throttle', seconds: [4, 12], value: [20_000, 200_000] },
  { part: 'way to target', action: 'cut in COMMIT', seconds: [5, 10], value: [1, 4] },
  { part: 'operator', action: 'pause', seconds: [1, 8] },
  { part: 'operator', action: 'setTransferRate', seconds: [2, 10], value: [20, 300] },
  { part: 'operator', action: 'abortCutover', seconds: [0, 5] },
]

const FIRST_MS = 4000
const GAP_SECONDS = [2, 9] as const
/** Share of the time after which the copy runs as fast as it can, so that the stream comes to its part. */
const LIFT_SHARE = 0.3

export interface ScheduleOptions {
  readonly seed: string
  readonly minutes: number
  readonly workers: number
}

/** The steps of a run, in the order of their times, all undone before its end. The same options give the same steps. */
export function schedule({ seed, minutes, workers }: ScheduleOptions): Step[] {
  const random = seededRandom(seed)
  const whole = ([least, most]: readonly [number, number], unit = 1): number => Math.round(random.between(least, most) * unit)
  const steps: Step[] = []
  let round: Kind[] = []
  let at = FIRST_MS
  while (at < minutes * 60_000) {
    if (round.length === 0) round = random.shuffled(KINDS)
    const kind = round.pop()
    if (!kind) break
    const forMs = whole(kind.seconds, 1000)
    const part = partOf(
      kind.part,
      () => Math.floor(random.between(1, workers + 1)),
      (two) => random.pick(two),
    )
    const value = kind.value && whole(kind.value)
    if (at + forMs < minutes * 60_000) steps.push({ at, part, action: kind.action, forMs, ...(value !== undefined && { value }) })
    at += whole(GAP_SECONDS, 1000)
  }
  steps.push({ at: minutes * 60_000 * LIFT_SHARE, part: 'operator', action: 'liftTransferRate', forMs: 0 })
  return steps.sort((one, other) => one.at - other.at)
}

function partOf(part: Kind['part'], worker: () => number, either: (two: readonly [Part, Part]) => Part): Part {
  if (part === 'worker') return `worker ${worker()}`
  if (part === 'way') return either(['way to source', 'way to target'])
  return part
}

/** A step in one line. */
export function stepLine({ part, action, forMs, value }: Step): string {
  const unit = { delay: 'ms', throttle: 'bytes/s', 'cut in COMMIT': 'times', setTransferRate: '%' }[action as string]
  return `${part}: ${action}${value === undefined ? '' : ` ${value} ${unit}`}${forMs > 0 ? `, ${(forMs / 1000).toFixed(1)} s` : ''}`
}
