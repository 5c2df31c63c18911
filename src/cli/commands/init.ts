import { existsSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { PROJECT_FOLDER } from '../../project-folder.ts'
import { JSON_SCHEMA_FILE } from '../../spec/json-schema.ts'
import type { ConnectionSpec } from '../../spec/migration-spec.ts'
import { validateSpec } from '../../spec/validate-spec.ts'
import { shellWord } from '../../workflows/resolve-command.ts'
import type { Cli, CommandContext } from '../cli.ts'
import { CliError, usageError } from '../cli-error.ts'
import { EXIT } from '../exit-code.ts'
import { connectionOf, databaseOf } from '../init/connection-of.ts'
import type { GivenConnection } from '../init/connection-of.ts'
import { proposedSpec } from '../init/proposed-spec.ts'
import type { SourceFacts } from '../init/proposed-spec.ts'
import { writeNewFile } from '../init/write-new-file.ts'
import type { Outcome } from '../output.ts'
import { invalidSpecError, STDIN } from '../spec-file.ts'
import { wrapped } from '../text-width.ts'

interface InitOptions {
  readonly source: string
  readonly target: string
  readonly output?: string
  readonly name?: string
  readonly force?: boolean
}

export function addInit(program: Command, cli: Cli): void {
  program
    .command('init')
    .description('look at the source and write a spec that fits it')
    .requiredOption('--source <database>', 'env:NAME or file:PATH that hold a URL, or a URL')
    .requiredOption('--target <database>', 'the same; it is not connected to')
    .option('--output <spec>', "the spec's file, or - for standard output (default: the database's name with .json)")
    .option('--name <text>', "what the migration is called (default: the database's name)")
    .option('--force', 'replace a file that is there already')
    .addHelpText(
      'after',
      `
The source is only read. A spec holds no password: where a URL has one, the spec names a variable that workers must have.

Example:
  export SHOP_SOURCE_URL='postgres://migrator:secret@db1:5432/shop?sslmode=verify-full'
  pgmove init --source env:SHOP_SOURCE_URL --target env:SHOP_TARGET_URL --output shop.json`,
    )
    .action((options: InitOptions, command: Command) => cli.perform(command, { work: (context) => init(context, options) }))
}

async function init(context: CommandContext, options: InitOptions): Promise<Outcome> {
  const { out } = context
  const prefix = variablePrefix(options)
  const source = connectionOf('--source', options.source, `${prefix}_SOURCE_PASSWORD`)
  const target = connectionOf('--target', options.target, `${prefix}_TARGET_PASSWORD`)
  demandVariable(source, context.env)
  const facts = await look(context, source, `${prefix}_SOURCE_PASSWORD`)
  const file = options.output ?? `${facts.database.replaceAll(/[^\w.-]/g, '_')}.json`
  const parts = { name: options.name ?? facts.database, source: source.connection, target: target.connection, schema: schemaBeside(file) }
  const { document, found, notes } = proposedSpec(parts, facts)
  const checked = validateSpec(document)
  if ('problems' in checked) throw invalidSpecError('The spec', checked.problems)
  const text = `${JSON.stringify(document, null, 2)}\n`
  const told = [...found, ...notes.flatMap((note) => ['', ...wrapped(note, out.width).map(out.style.warning)])]
  if (file === STDIN) {
    out.notice([...found, ...notes].join('\n'))
    return { json: document, lines: [text.trimEnd()] }
  }
  if (!(await write(context, file, text, options.force === true)))
    return { json: { written: null }, lines: ['Nothing was written.'], code: EXIT.failed }
  return {
    json: { written: file, spec: document, found, notes },
    lines: [...told, '', out.style.good(`Written: ${file}`), ...next(file, source, target)],
  }
}

/** Variables for passwords are called after the database, or the spec. */
function variablePrefix({ source, output, name }: InitOptions): string {
  const text =
    name ?? (output === undefined || output === STDIN ? databaseOf(connectionOf('--source', source, 'X')) : path.basename(output, '.json'))
  const word = (text ?? 'pgmove').toUpperCase().replaceAll(/\W/g, '_').slice(0, 60)
  return /^[A-Z_]/.test(word) ? word : `_${word}`
}

function demandVariable({ connection }: GivenConnection, env: NodeJS.ProcessEnv): void {
  if (!('env' in connection) || env[connection.env]) return
  throw usageError(
    `--source: there is no variable ${shellWord(connection.env)} here. Export it with the URL, as workers have it, so that pgmove can look at the source.`,
  )
}

async function look(context: CommandContext, { connection, password }: GivenConnection, variable: string): Promise<SourceFacts> {
  const env = password === undefined ? context.env : { ...context.env, [variable]: password }
  return context.interruptible(async (signal) => {
    // Loaded here: every other command is quicker without it.
    const { lookAtSource } = await import('../init/look-at-source.ts')
    return lookAtSource(connection, env, signal).catch(async (error: unknown) => {
      if (signal.aborted) throw new CliError(EXIT.interrupted, 'Interrupted', 'Nothing was written.')
      throw await notReached(connection, env, signal, error)
    })
  })
}

/** The steps of the connection test tell more than the error. */
async function notReached(connection: ConnectionSpec, env: NodeJS.ProcessEnv, signal: AbortSignal, cause: unknown): Promise<CliError> {
  const { diagnoseConnection } = await import('../../diagnosis/diagnose-connection.ts')
  const { diagnosis } = await diagnoseConnection({ side: 'source', connection, env, signal })
  const failed = diagnosis.filter(({ status }) => status === 'Failed').map(({ check, found, fix }) => `${check}: ${found}. ${fix}`)
  const reason = failed.length > 0 ? failed : [cause instanceof Error ? cause.message : String(cause)]
  const kind = cause instanceof Error && 'kind' in cause ? String(cause.kind) : 'Internal'
  return new CliError(EXIT.failed, kind, ["The source can't be looked at; nothing was written.", ...reason].join('\n'), { cause })
}

/** By which path an editor finds the JSON Schema from beside the spec; not if that leads out of the folder, since it would hold on this machine only. */
function schemaBeside(file: string): string | undefined {
  const schema = path.join(PROJECT_FOLDER, JSON_SCHEMA_FILE)
  const relative = path.relative(file === STDIN ? '.' : path.dirname(file), schema)
  if (!existsSync(schema) || path.isAbsolute(relative) || relative.startsWith('..')) return undefined
  return `./${relative.split(path.sep).join('/')}`
}

/** False if somebody was asked and does not want it. */
async function write(context: CommandContext, file: string, text: string, force: boolean): Promise<boolean> {
  try {
    if (await writeNewFile(file, text, force)) return true
  } catch (error) {
    throw new CliError(EXIT.failed, 'NotWritten', `The spec can't be written to ${file}: ${(error as Error).message}`, { cause: error })
  }
  const replace = await context.confirm(`${file} is there already. Replace it?`, false).catch(() => {
    throw usageError(`${file} is there already; --force replaces it. Nothing was written.`)
  })
  return replace && writeNewFile(file, text, true)
}

function next(file: string, source: GivenConnection, target: GivenConnection): string[] {
  const variables = [source, target].flatMap(({ connection }) => {
    if ('env' in connection) return [connection.env]
    return 'url' in connection && connection.password && 'env' in connection.password ? [connection.password.env] : []
  })
  const needed =
    variables.length === 0 ? [] : [`Workers need ${variables.length === 1 ? 'the variable' : 'the variables'} ${variables.join(' and ')}.`]
  return [...needed, `Check both databases: pgmove check ${shellWord(file)}`]
}
