import { randomInt } from 'node:crypto'
import { interruption } from '../dev/interruption.ts'
import { runSoak } from './run-soak.ts'
import { schedule, stepLine } from './schedule.ts'
import { parseSoakOptions, USAGE } from './soak-options.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)

try {
  const options = parseSoakOptions(process.argv.slice(2), () => String(randomInt(1_000_000)))
  if (!options) process.stdout.write(USAGE)
  else if (options.dry) for (const step of schedule(options)) say(`${(step.at / 1000).toFixed(1).padStart(7)} s  ${stepLine(step)}`)
  else process.exitCode = await runSoak(options, interruption(), say)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\nnpm run soak -- --help shows the options.\n`)
  process.exitCode = 2
}
// A connection that still closes must not hold the process.
process.exit()
