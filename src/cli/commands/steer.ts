import { Option } from 'commander'
import type { Command } from 'commander'
import { RESOLVE_ACTIONS } from '../../spec/resolve-argument.ts'
import { shellWord } from '../../workflows/resolve-command.ts'
import type { Cli } from '../cli.ts'
import { usageError } from '../cli-error.ts'
import { findMigration, sendUpdate } from '../migration.ts'
import { tableName } from '../table-name.ts'
import { updateWords } from '../temporal-command.ts'

/** What every update has in common: it is sent, and its answer told. */
function steering(
  cli: Cli,
  command: Command,
  workflowId: string,
  update: { readonly name: string; readonly argument?: unknown; readonly done: readonly string[] },
): Promise<void> {
  const { name, argument, done } = update
  return cli.perform(command, {
    equivalent: () => [updateWords(workflowId, name, argument)],
    work: async (context) => {
      const temporal = await context.temporal()
      const facts = await findMigration(temporal, workflowId)
      await sendUpdate(temporal, facts, name, argument)
      return { json: { workflowId, sent: name, ...(argument === undefined ? {} : { argument }) }, lines: done }
    },
  })
}

export function addPause(program: Command, cli: Cli): void {
  program
    .command('pause')
    .description('stop moving data; nothing is lost or copied again')
    .argument('<id>', 'workflow ID of the migration')
    .addHelpText('after', '\nThe slot on the source keeps WAL meanwhile.\n\nExample:\n  pgmove pause shop')
    .action((id: string, _options: unknown, command: Command) =>
      steering(cli, command, id, {
        name: 'pause',
        done: [`${id} pauses: data stops moving within seconds, and the source keeps WAL. Go on with: pgmove resume ${shellWord(id)}`],
      }),
    )
}

export function addResume(program: Command, cli: Cli): void {
  program
    .command('resume')
    .description('go on after a pause, and try again whatever waits')
    .argument('<id>', 'workflow ID of the migration')
    .addHelpText('after', '\nExample:\n  pgmove resume shop')
    .action((id: string, _options: unknown, command: Command) =>
      steering(cli, command, id, { name: 'resume', done: [`${id} goes on, and tries again whatever waited.`] }),
    )
}

export function addResolve(program: Command, cli: Cli): void {
  program
    .command('resolve')
    .description('answer an error of one table that waits')
    .argument('<id>', 'workflow ID of the migration')
    .requiredOption('--table <schema.table>', 'the table, by its name on the source')
    .addOption(
      new Option('--with <answer>', 'retry: it was mended by hand; copyAgain: copy it anew; leaveOut: go on without it')
        .choices(RESOLVE_ACTIONS)
        .makeOptionMandatory(),
    )
    .addHelpText(
      'after',
      `
A name with a dot or a quote in it is written as in SQL: 'public."odd.name"'. copyAgain also takes a table back that was left out.

Example:
  pgmove resolve shop --table public.orders --with copyAgain`,
    )
    .action((id: string, options: { table: string; with: string }, command: Command) =>
      steering(cli, command, id, {
        name: 'resolve',
        argument: { ...tableName(options.table), action: options.with },
        done: [`${id} got the answer ${options.with} for ${options.table}.`],
      }),
    )
}

export function addRate(program: Command, cli: Cli): void {
  program
    .command('rate')
    .description('limit the copy, over all workers together')
    .argument('<id>', 'workflow ID of the migration')
    .option('--megabytes-per-second <number>', 'a number, or none to lift the limit')
    .option('--rows-per-second <number>', 'a number, or none to lift the limit')
    .addHelpText(
      'after',
      `
A megabyte is 1,000,000 bytes. A limit that is not given stays as it is. It takes effect within seconds.

Examples:
  pgmove rate shop --megabytes-per-second 20
  pgmove rate shop --megabytes-per-second none --rows-per-second 50000`,
    )
    .action((id: string, options: { megabytesPerSecond?: string; rowsPerSecond?: string }, command: Command) => {
      const argument = {
        ...limit('megabytesPerSecond', '--megabytes-per-second', options.megabytesPerSecond),
        ...limit('rowsPerSecond', '--rows-per-second', options.rowsPerSecond),
      }
      const set = Object.entries(argument)
      if (set.length === 0) throw usageError('Give --megabytes-per-second, --rows-per-second, or both.')
      const told = set.map(([name, value]) => `${value ?? 'any number of'} ${RATES[name]}`).join(', ')
      return steering(cli, command, id, { name: 'setTransferRate', argument, done: [`The copy of ${id} may move ${told}.`] })
    })
}

const RATES: Readonly<Record<string, string>> = { megabytesPerSecond: 'megabytes per second', rowsPerSecond: 'rows per second' }

function limit(key: string, flag: string, text: string | undefined): Record<string, number | null> {
  if (text === undefined) return {}
  if (text === 'none') return { [key]: null }
  const number = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0
  if (number > 0) return { [key]: number }
  throw usageError(`${flag} is "${text}", but must be a number above 0, or none.`)
}

export function addRerunPrecheck(program: Command, cli: Cli): void {
  program
    .command('rerun-precheck')
    .description('run a precheck again that waits')
    .argument('<id>', 'workflow ID of the migration')
    .option('--ignore-warnings [names]', 'go on over warnings: all of them, or the items named, separated by commas')
    .addHelpText(
      'after',
      `
A Failed item can't be ignored. pgmove status shows what the precheck finds.

Examples:
  pgmove rerun-precheck shop
  pgmove rerun-precheck shop --ignore-warnings replica_identity,blocks_ddl`,
    )
    .action((id: string, { ignoreWarnings }: { ignoreWarnings?: string | true }, command: Command) => {
      const names = typeof ignoreWarnings === 'string' ? ignoreWarnings.split(',').map((name) => name.trim()) : ignoreWarnings
      return steering(cli, command, id, {
        name: 'rerunPrecheck',
        ...(names !== undefined && { argument: { ignoreWarnings: names } }),
        done: [`The precheck of ${id} runs again. What it finds: pgmove status ${shellWord(id)}`],
      })
    })
}

export function addAbortCutover(program: Command, cli: Cli): void {
  program
    .command('abort-cutover')
    .description('go back from a cutover to incremental replication')
    .argument('<id>', 'workflow ID of the migration')
    .addHelpText(
      'after',
      `
Possible until the cutover's last check has passed; a fence on the source is lifted.

Example:
  pgmove abort-cutover shop`,
    )
    .action((id: string, _options: unknown, command: Command) =>
      steering(cli, command, id, {
        name: 'abortCutover',
        done: [`The cutover of ${id} is given up; the migration goes on. See: pgmove status ${shellWord(id)}`],
      }),
    )
}
