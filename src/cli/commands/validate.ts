import { existsSync } from 'node:fs'
import { Option } from 'commander'
import type { Command } from 'commander'
import { validateValidation } from '../../spec/validate-validation.ts'
import type { ValidationResult } from '../../workflows/metadata-result.ts'
import type { Cli, CommandContext } from '../cli.ts'
import { usageError } from '../cli-error.ts'
import { EXIT } from '../exit-code.ts'
import { findMigration, isOpen } from '../migration.ts'
import type { Outcome } from '../output.ts'
import { runWorkflow } from '../run-workflow.ts'
import { invalidSpecError, readSpec, STDIN } from '../spec-file.ts'
import { repeated } from '../repeated.ts'
import { startArgument } from '../start-argument.ts'
import { tableName } from '../table-name.ts'
import { validationLines } from '../views/validation-lines.ts'

interface ValidateOptions {
  readonly what?: string
  readonly method?: string
  readonly sample?: string
  readonly table?: readonly string[]
  readonly megabytesPerSecond?: string
}

export function addValidate(program: Command, cli: Cli): void {
  program
    .command('validate')
    .description('compare source and target, also while a migration streams changes')
    .argument('<spec|id>', "a spec's file, or the workflow ID of a migration")
    .addOption(new Option('--what <what>', 'what is compared (default: both)').choices(['metadata', 'data']))
    .addOption(new Option('--method <method>', 'how rows are compared (default: checksum)').choices(['count', 'checksum', 'full']))
    .option('--sample <share>', 'share of the chunks of tables with a key, 0 to 1 (default: 1)')
    .option('--table <schema.table>', 'only the rows of this table; may be given several times', repeated)
    .option('--megabytes-per-second <number>', 'limit')
    .addHelpText(
      'after',
      `
Ends with exit code 1 if something differs. Ctrl-C cancels it.

Examples:
  pgmove validate shop --what data
  pgmove validate shop.json --table public.orders --method full`,
    )
    .action((subject: string, options: ValidateOptions, command: Command) => {
      const validation = validationOf(options)
      return cli.perform(command, {
        equivalent: async (context) => {
          const { argument, taskQueue } = await subjectOf(context, subject, validation)
          return [['workflow', 'execute', '--task-queue', taskQueue, '--type', 'validateMigration', '--input', JSON.stringify(argument)]]
        },
        work: async (context) => validate(context, await subjectOf(context, subject, validation)),
      })
    })
}

function validationOf({ what, method, sample, table, megabytesPerSecond }: ValidateOptions): Record<string, unknown> {
  return {
    ...(what !== undefined && { what: [what] }),
    ...(method !== undefined && { method }),
    ...(sample !== undefined && { sample: number('--sample', sample) }),
    ...(table && { tables: table.map(tableName) }),
    ...(megabytesPerSecond !== undefined && { transferRate: { megabytesPerSecond: number('--megabytes-per-second', megabytesPerSecond) } }),
  }
}

function number(flag: string, text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text)
  throw usageError(`${flag} is "${text}", but must be a number.`)
}

interface Subject {
  readonly argument: object
  readonly taskQueue: string
}

async function subjectOf(context: CommandContext, subject: string, validation: Record<string, unknown>): Promise<Subject> {
  const { document, taskQueue } = await specOf(context, subject)
  const argument = { ...document, ...(Object.keys(validation).length > 0 && { validation }) }
  const checked = validateValidation(argument)
  if ('problems' in checked) throw invalidSpecError('What is to be compared', checked.problems)
  return { argument, taskQueue }
}

/** A file, or else the spec that a migration was started with. */
async function specOf(context: CommandContext, subject: string): Promise<{ document: object; taskQueue: string }> {
  if (subject === STDIN || /\.json$/i.test(subject) || existsSync(subject)) {
    return { document: (await readSpec(subject, context.stdin)).document, taskQueue: context.taskQueue }
  }
  const temporal = await context.temporal()
  const facts = await findMigration(temporal, subject)
  if (isOpen(facts))
    context.out.notice(`${subject} is not over: triggers, keys and identities are switched on at its cutover, and differ until then.`)
  return { document: (await startArgument(temporal, facts)) as object, taskQueue: facts.taskQueue }
}

async function validate(context: CommandContext, { argument, taskQueue }: Subject): Promise<Outcome> {
  const run = { type: 'validateMigration', argument, taskQueue, summary: 'Compare source and target' } as const
  const result = await runWorkflow<ValidationResult>(context, run)
  const failed = result.metadata?.status === 'Failed' || result.data?.status === 'Failed'
  return { json: result, lines: validationLines(result, context.out), code: failed ? EXIT.failed : EXIT.ok }
}
