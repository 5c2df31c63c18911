import type { Command } from 'commander'
import { validateCleanUp } from '../../spec/clean-up-argument.ts'
import type { CleanUpResult } from '../../workflows/clean-up-result.ts'
import type { Cli, CommandContext } from '../cli.ts'
import { bytesText } from '../amounts.ts'
import { columns } from '../columns.ts'
import { connectionReference } from '../connection-reference.ts'
import { EXIT } from '../exit-code.ts'
import type { Outcome } from '../output.ts'
import { repeated } from '../repeated.ts'
import { runWorkflow } from '../run-workflow.ts'
import { invalidSpecError } from '../spec-file.ts'
import { plural } from '../views/plural.ts'

export function addCleanUp(program: Command, cli: Cli): void {
  program
    .command('clean-up')
    .description('remove what terminated or lost migrations have left on their sources')
    .option('--dry-run', 'only tell what would be removed')
    .option(
      '--source <reference>',
      'a source to look at: a URL without a password, env:NAME or file:PATH; may be given several times (default: those of all migrations that Temporal knows)',
      repeated,
    )
    .option('--older-than <duration>', 'how long a migration that this Temporal does not know must have stood still, such as 24h')
    .addHelpText(
      'after',
      `
Workers do the same by a schedule every 90 minutes. With both --source and --older-than, what another Temporal namespace has left is removed too.

Examples:
  pgmove clean-up --dry-run
  pgmove clean-up --source env:SHOP_SOURCE_URL --older-than 24h`,
    )
    .action((options: { dryRun?: boolean; source?: string[]; olderThan?: string }, command: Command) => {
      const argument = {
        ...(options.source && { sources: options.source.map(connectionReference) }),
        ...(options.olderThan !== undefined && { olderThan: options.olderThan }),
        ...(options.dryRun && { dryRun: true }),
      }
      const checked = validateCleanUp(argument)
      if ('problems' in checked) throw invalidSpecError('What is to be cleaned up', checked.problems)
      return cli.perform(command, {
        equivalent: ({ taskQueue }) => [
          ['workflow', 'execute', '--task-queue', taskQueue, '--type', 'cleanUpSlots', '--input', JSON.stringify(argument)],
        ],
        work: (context) => cleanUp(context, argument),
      })
    })
}

async function cleanUp(context: CommandContext, argument: object): Promise<Outcome> {
  const result = await runWorkflow<CleanUpResult>(context, { type: 'cleanUpSlots', argument, summary: 'Clean up sources' })
  return { json: result, lines: cleanUpLines(result, context.out.width), code: result.totals.failed > 0 ? EXIT.failed : EXIT.ok }
}

/** What was removed and kept, with the reason for each. */
export function cleanUpLines({ dryRun, removed, kept, failed, totals }: CleanUpResult, width: number): string[] {
  const verb = dryRun ? 'would be removed' : 'removed'
  const lines = [
    `${plural(totals.sources, 'source')} looked at: ${totals.removed} ${verb}, ${totals.kept} kept, ${totals.failed} could not be looked at.`,
  ]
  const rows = [
    ...removed.map((one) => [
      dryRun ? 'would remove' : 'removed',
      one.slot,
      one.workflowId ?? '',
      one.source,
      wal(one.retainedBytes),
      one.reason,
    ]),
    ...kept.map((one) => ['kept', one.slot, one.workflowId ?? '', one.source, wal(one.retainedBytes), one.reason]),
    ...failed.map((one) => ['failed', '', '', one.source, '', `${one.type}: ${one.message}`]),
  ]
  if (rows.length > 0) lines.push('', ...columns(rows, { width, header: ['', 'SLOT', 'MIGRATION', 'SOURCE', 'WAL', 'REASON'] }))
  const statements = kept.flatMap((one) => one.statements)
  if (statements.length > 0) lines.push('', 'By hand, what was kept is removed by:', ...statements.map((one) => `  ${one}`))
  return lines
}

function wal(bytes: string | null): string {
  return bytes === null ? '' : bytesText(bytes)
}
