import { parseBenchOptions, USAGE } from './bench-options.ts'
import { bigTable, copy, tables } from './copy.ts'
import { cutover } from './cutover.ts'
import { incremental } from './incremental.ts'
import { latency } from './latency.ts'
import { memory } from './memory.ts'
import { outage } from './outage.ts'
import { precheck } from './precheck.ts'
import { schema } from './schema.ts'
import { validate } from './validate.ts'

const BENCHES = { memory, incremental, latency, precheck, schema, copy, tables, 'big-table': bigTable, cutover, validate, outage } as const

try {
  const options = parseBenchOptions(process.argv.slice(2), Object.keys(BENCHES))
  if (options) process.exitCode = await BENCHES[options.name as keyof typeof BENCHES](options)
  else process.stdout.write(USAGE)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\nnpm run bench -- --help shows the options.\n`)
  process.exitCode = 2
}
// A connection that still closes must not hold the process.
process.exit()
