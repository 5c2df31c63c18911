import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { MigrationReport } from '../../workflows/migration-report.ts'
import { shellWord } from '../../workflows/resolve-command.ts'
import type { Cli, CommandContext } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { EXIT } from '../exit-code.ts'
import { exitCodeOf, failureOf } from '../failure.ts'
import { findMigration, isOpen } from '../migration.ts'
import type { MigrationFacts } from '../migration.ts'
import type { Outcome } from '../output.ts'
import { reportLines } from '../views/report-lines.ts'
import { reportPage } from '../views/report-page.ts'

export function addReport(program: Command, cli: Cli): void {
  program
    .command('report')
    .description('what a completed migration did, and the proof of its cutover')
    .argument('<id>', 'workflow ID of the migration')
    .option('--html <file>', 'write it as a page for a browser, which needs no other file')
    .addHelpText('after', '\nExamples:\n  pgmove report shop --html shop-report.html\n  pgmove report shop --json > shop-report.json')
    .action((id: string, { html }: { html?: string }, command: Command) =>
      cli.perform(command, {
        equivalent: () => [['workflow', 'result', '--workflow-id', id]],
        work: (context) => report(context, id, html),
      }),
    )
}

async function report(context: CommandContext, id: string, html: string | undefined): Promise<Outcome> {
  const { facts, report: result } = await reportOf(context, id)
  if (html === undefined) return { json: result, lines: reportLines(id, result, context.out) }
  await writeFile(html, reportPage(facts, result)).catch((error: NodeJS.ErrnoException) => {
    throw new CliError(EXIT.failed, 'NotWritten', `The report can't be written to ${html}: ${error.message}`, { cause: error })
  })
  return { json: { workflowId: id, written: html }, lines: [`Written: ${html}`] }
}

/**
 * The result of a completed migration.
 *
 * @throws CliError if it runs still, or has failed, with the reason
 */
export async function reportOf(context: CommandContext, id: string): Promise<{ facts: MigrationFacts; report: MigrationReport }> {
  const temporal = await context.temporal()
  const facts = await findMigration(temporal, id)
  if (isOpen(facts)) {
    throw new CliError(EXIT.failed, 'Running', `${id} is not over; there is no report yet. See: pgmove status ${shellWord(id)}`)
  }
  try {
    return { facts, report: (await temporal.client.workflow.getHandle(id, facts.runId).result()) as MigrationReport }
  } catch (error) {
    const failure = failureOf(error)
    if (!failure) throw error
    const text = `${id} has no report, since it ended otherwise: ${failure.type}: ${failure.message}`
    throw new CliError(exitCodeOf(failure), failure.type, text, { cause: error })
  }
}
