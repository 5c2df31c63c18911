import { PassThrough, Readable } from 'node:stream'
import { runCli } from '../src/cli/program.ts'

/** What a command said and ended with. */
export interface CliResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** The document of `--json`. */
  json(): unknown
}

export interface CliInput {
  readonly env?: Record<string, string | undefined>
  readonly stdin?: string
  /** What somebody types on a terminal; absent: there is no terminal. */
  readonly answer?: string
  /** The standard output is a terminal. */
  readonly terminal?: boolean
  /** Called with what sends Ctrl-C. */
  readonly interrupt?: (send: () => void) => void
}

/** Runs `pgmove` in this process. */
export async function cli(
  args: readonly string[],
  { env = {}, stdin = '', answer, terminal = false, interrupt }: CliInput = {},
): Promise<CliResult> {
  let [stdout, stderr] = ['', '']
  const input = Object.assign(Readable.from([answer === undefined ? stdin : `${answer}\n`]), { isTTY: answer !== undefined })
  const errors = Object.assign(new PassThrough(), { isTTY: answer !== undefined, columns: 100 })
  errors.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const code = await runCli(args, {
    stdin: input,
    stdout: { write: (text) => (stdout += text), isTTY: terminal, columns: 100, rows: 40 },
    stderr: errors,
    env,
    onInterrupt: (callback) => {
      interrupt?.(callback)
      return () => undefined
    },
  })
  return { code, stdout, stderr, json: () => JSON.parse(stdout) as unknown }
}
