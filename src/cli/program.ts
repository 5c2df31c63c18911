import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Command, CommanderError, Help, Option } from 'commander'
import { PROJECT_FOLDER } from '../project-folder.ts'
import { Cli } from './cli.ts'
import type { CliSurroundings, GlobalOptions } from './cli.ts'
import { usageError } from './cli-error.ts'
import { COMMANDS } from './commands/index.ts'
import { addConnectionOptions } from './connection-options.ts'
import { EXIT, EXIT_MEANINGS } from './exit-code.ts'
import type { ExitCode } from './exit-code.ts'

const DESCRIPTION = `Moves a live PostgreSQL database (10-18) into another one with seconds of downtime, as a durable workflow on Temporal.

Commands start, ask and steer migrations; workers (pgmove worker) do the work, so a command may end at any time without harm.`

const EXAMPLE = `
A migration from beginning to end:
  pgmove init --source env:SHOP_SOURCE_URL --target env:SHOP_TARGET_URL --output shop.json
  pgmove check shop.json
  pgmove start shop.json
  pgmove status shop --watch
  pgmove cutover shop
  pgmove report shop`

const EVERY_COMMAND = `
Every command takes --json, --color, --show-command, --task-queue, and where Temporal is: --address, --namespace and more (pgmove --help).`

/** Every command with its options, for `cli`. */
export function program(cli: Cli): Command {
  const { stdout, stderr } = cli.surroundings
  const top = new Command('pgmove')
    .description(DESCRIPTION)
    .exitOverride()
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .configureHelp({ formatHelp: commandsFirst })
    .showHelpAfterError('(--help tells more)')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .option('--json', 'one JSON document on standard output, for machines')
    .addOption(new Option('--color <when>', 'colours').choices(['auto', 'always', 'never']).default('auto'))
    .option('--show-command', 'print the Temporal CLI command that does the same, and do nothing')
    .option('--task-queue <name>', "the workers' task queue (default: PGMOVE_TASK_QUEUE, or pgmove)")
    .addHelpText('after', `${EXAMPLE}\n${exitCodes()}`)
    .addHelpText('afterAll', ({ command }) => (command.parent ? EVERY_COMMAND : ''))
  addConnectionOptions(top)
  for (const [group, commands] of COMMANDS) {
    top.commandsGroup(group)
    for (const add of commands) add(top, cli)
  }
  return top
}

/** Runs `pgmove` with these arguments (without the program's name); resolves with the exit code and never rejects. */
export async function runCli(args: readonly string[], surroundings: CliSurroundings): Promise<ExitCode> {
  const cli = new Cli(surroundings)
  const top = program(cli)
  try {
    await top.parseAsync([...args], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) cli.fail(error, cli.output(top.opts<GlobalOptions>()))
    else if (error.exitCode === 0) return EXIT.ok
    else {
      // Commander has told people already.
      if (args.includes('--json')) cli.output({ json: true, color: 'never' }).fail(usageError(error.message.replace(/^error: /, '')))
      return EXIT.usage
    }
  }
  return cli.code
}

/** Commands are what somebody looks for first; options stand behind them. */
function commandsFirst(command: Command, helper: Help): string {
  const sections = new Help()
    .formatHelp(command, helper)
    .trimEnd()
    .split(/\n\n(?=[A-Z][a-z]*:\n)/)
  const ofOptions = (section: string): boolean => /^\S.*:\n +-/.test(section)
  const [top = '', ...rest] = sections
  return `${[top, ...rest.filter((section) => !ofOptions(section)), ...rest.filter(ofOptions)].join('\n\n')}\n`
}

function exitCodes(): string {
  return `\nExit codes:\n${EXIT_MEANINGS.map(([code, meaning]) => `  ${String(code).padEnd(4)} ${meaning}`).join('\n')}`
}

function version(): string {
  return (JSON.parse(readFileSync(path.join(PROJECT_FOLDER, 'package.json'), 'utf8')) as { version: string }).version
}
