import { parseArgs } from 'node:util'

export interface SoakOptions {
  /** How long faults are injected. */
  readonly minutes: number
  /** Any text; the same one gives the same faults at the same times. */
  readonly seed: string
  /** PostgreSQL's major versions. */
  readonly from: number
  readonly to: number
  readonly workers: number
  /** Transactions a second. */
  readonly rate: number
  /** With a fence the application writes on through the cutover. */
  readonly fence: 'none' | 'readOnly'
  /** Only the steps are printed. */
  readonly dry: boolean
}

export const USAGE = `npm run soak -- [options]

A migration under an application that writes and keeps a ledger of its commits, while workers, Temporal's server, both PostgreSQL servers
and the ways between them are killed, stopped, restarted and cut at random. Then everything is healed, the migration cuts over, and both
sides and the ledger are compared. The exit code is 0 only if every check passed. Everything runs on this machine, in temporary folders.

  --minutes N           how long faults are injected (default 3)
  --seed S              any text; the same one gives the same faults at the same times (default: a new one, printed)
  --from, --to MAJOR    versions of source and target, 10 to 18 (default 13 and 17)
  --workers N           worker processes, 1 to 8 (default 2)
  --rate N              transactions a second (default 30)
  --fence FENCE         none: the application stops before the cutover (default); readOnly: it goes on, and the source refuses it
  --dry                 print the steps of the seed and do nothing
`

/** The options of a run; undefined if only help was asked for. Throws an Error with one clear sentence. */
export function parseSoakOptions(args: readonly string[], newSeed: () => string): SoakOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '3' },
      seed: { type: 'string' },
      from: { type: 'string', default: '13' },
      to: { type: 'string', default: '17' },
      workers: { type: 'string', default: '2' },
      rate: { type: 'string', default: '30' },
      fence: { type: 'string', default: 'none' },
      dry: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return undefined
  const minutes = Number(values.minutes)
  if (!(minutes >= 0.2 && minutes <= 1440)) throw new Error(`--minutes is "${values.minutes}", but must be a number from 0.2 to 1440`)
  const { fence } = values
  if (fence !== 'none' && fence !== 'readOnly') throw new Error(`--fence is "${fence}", but must be none or readOnly`)
  const whole = (name: 'from' | 'to' | 'workers' | 'rate', least: number, most: number): number => {
    const number = /^\d{1,4}$/.test(values[name]) ? Number(values[name]) : NaN
    if (number >= least && number <= most) return number
    throw new Error(`--${name} is "${values[name]}", but must be a whole number from ${least} to ${most}`)
  }
  return {
    minutes,
    seed: values.seed ?? newSeed(),
    from: whole('from', 10, 18),
    to: whole('to', 10, 18),
    workers: whole('workers', 1, 8),
    rate: whole('rate', 1, 1000),
    fence,
    dry: values.dry,
  }
}
