import { execFile } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const DEFAULT_ADDRESS = '127.0.0.1:7233'

/** The Temporal CLI against the demo's server. */
export interface TemporalCommand {
  /** The command as a user types it. */
  readonly shown: (...args: string[]) => string
  /** Runs it in the project's folder; fails with what the CLI printed. Resolves with its standard output. */
  readonly run: (...args: string[]) => Promise<string>
  /** What a user has to type first so that the shown commands work; undefined if nothing. */
  readonly preparation: string | undefined
}

/** @param cli path of the Temporal CLI, or its bare name if it is in PATH */
export function temporalCommand(cli: string, address: string): TemporalCommand {
  const where = address === DEFAULT_ADDRESS ? [] : ['--address', address]
  const relative = path.relative(process.cwd(), cli)
  const file = relative.startsWith('..') ? cli : `./${relative}`
  return {
    shown: (...args) => ['temporal', ...args, ...where].map(shellWord).join(' '),
    run: async (...args) => {
      try {
        // The user's own settings may point to another Temporal.
        const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TEMPORAL_')))
        return (await run(cli, [...args, '--address', address, '--namespace', 'default'], { cwd: PROJECT, timeout: 60_000, env })).stdout
      } catch (error) {
        const said = ((error as { stderr?: string }).stderr ?? '').trim() || (error as Error).message
        throw new Error(`"temporal ${args.slice(0, 2).join(' ')}" failed: ${said.slice(0, 500)}`, { cause: error })
      }
    },
    preparation: cli === 'temporal' ? undefined : `alias temporal=${shellWord(file)}`,
  }
}

function shellWord(text: string): string {
  return /^[\w.:/@=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
