import { interruption } from '../dev/interruption.ts'
import { runDemo } from './run-demo.ts'
import { parseDemoOptions, USAGE } from './demo-options.ts'

try {
  const options = parseDemoOptions(process.argv.slice(2), process.stdout.isTTY)
  if (options) process.exitCode = await runDemo(options, interruption())
  else process.stdout.write(USAGE)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\nnpm run demo -- --help shows the options.\n`)
  process.exitCode = 2
}
// A connection that still closes must not hold the process.
process.exit()
