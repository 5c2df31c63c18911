import { runCli } from './program.ts'

// Whoever reads the output may stop reading: `pgmove list | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

const code = await runCli(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  onInterrupt: (callback) => {
    // However it is asked to end, the terminal must be as it was.
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
    for (const signal of signals) process.once(signal, callback)
    return () => signals.forEach((signal) => process.off(signal, callback))
  },
})
process.exitCode = code
// A connection that still closes must not hold the process, but what was written must reach its reader.
process.stdout.write('', () => process.stderr.write('', () => process.exit()))
