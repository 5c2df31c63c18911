import path from 'node:path'
import { parseArgs } from 'node:util'

export interface DemoOptions {
  /** Ends by itself instead of staying up until Ctrl-C. */
  readonly exit: boolean
  /** Wanted ports; taken ones are stepped aside. */
  readonly uiPort: number
  readonly temporalPort: number
  /** PostgreSQL's major versions. */
  readonly from: number
  readonly to: number
  /** Size of the shop; 1 is about 830,000 rows. */
  readonly scale: number
  /** Everything but the migration is started, and what a shell needs for one by hand is written to this file. */
  readonly byHand: string | undefined
}

export const USAGE = `npm run demo -- [options]

Moves a shop's database from one PostgreSQL server to another while an application writes to it, and compares both.
Everything runs on this machine, in temporary folders.

  --exit                end by itself; the exit code is 0 only if everything matched (so it does without a terminal)
  --ui-port PORT        of Temporal's Web UI, if it is free (default 8233)
  --temporal-port PORT  of Temporal, if it is free (default 7233)
  --from MAJOR          version of the source, 10 to 18 (default 13)
  --to MAJOR            version of the target, 10 to 18 (default 17)
  --scale FACTOR        size of the shop; 1, the default, is about 830,000 rows
  --by-hand FILE        start everything but the migration, which docs/tutorial.md does by hand; FILE gets what a shell needs for it
`

/**
 * The demo's options; undefined if only help was asked for. Throws an Error with one clear sentence.
 *
 * @param terminal whether a person watches: without one the demo ends by itself
 */
export function parseDemoOptions(args: readonly string[], terminal: boolean): DemoOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      exit: { type: 'boolean', default: false },
      'ui-port': { type: 'string', default: '8233' },
      'temporal-port': { type: 'string', default: '7233' },
      from: { type: 'string', default: '13' },
      to: { type: 'string', default: '17' },
      scale: { type: 'string', default: '1' },
      'by-hand': { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return undefined
  const port = (name: 'ui-port' | 'temporal-port') => whole(name, values[name], 1, 65_535)
  const major = (name: 'from' | 'to') => whole(name, values[name], 10, 18)
  const scale = Number(values.scale)
  if (!(scale >= 0.01 && scale <= 100)) throw new Error(`--scale is "${values.scale}", but must be a number from 0.01 to 100`)
  const byHand = values['by-hand']
  return {
    exit: values.exit || !terminal,
    uiPort: port('ui-port'),
    temporalPort: port('temporal-port'),
    from: major('from'),
    to: major('to'),
    scale,
    byHand: byHand === undefined ? undefined : path.resolve(process.env['INIT_CWD'] ?? '', byHand),
  }
}

function whole(name: string, text: string, least: number, most: number): number {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : NaN
  if (number >= least && number <= most) return number
  throw new Error(`--${name} is "${text}", but must be a whole number from ${least} to ${most}`)
}
