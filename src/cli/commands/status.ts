import type { Command } from 'commander'
import type { Cli, CommandContext } from '../cli.ts'
import { EXIT } from '../exit-code.ts'
import { exitCodeOf, failureOf } from '../failure.ts'
import type { Failure } from '../failure.ts'
import { findMigration, isOpen, queryStatus } from '../migration.ts'
import type { MigrationFacts } from '../migration.ts'
import type { Outcome } from '../output.ts'
import type { Temporal } from '../temporal-connection.ts'
import { statusLines } from '../views/status-lines.ts'
import { watchStatus } from '../watch-status.ts'

export function addStatus(program: Command, cli: Cli): void {
  program
    .command('status')
    .description('how a migration stands')
    .argument('<id>', 'workflow ID of the migration')
    .option('--watch', 'show it until it ends; without a terminal, a line for each change')
    .addHelpText(
      'after',
      `
Ends with exit code 3 when the migration waits for a person, and with 1 when it has failed.

Examples:
  pgmove status shop --watch
  pgmove status shop --json`,
    )
    .action((id: string, { watch }: { watch?: true }, command: Command) =>
      cli.perform(command, {
        equivalent: () => [['workflow', 'query', '--workflow-id', id, '--type', 'status']],
        work: (context) => (watch ? watchStatus(context, id) : status(context, id)),
      }),
    )
}

async function status(context: CommandContext, id: string): Promise<Outcome> {
  const temporal = await context.temporal()
  const facts = await findMigration(temporal, id)
  const failure = await failureOfMigration(temporal, facts)
  // How one has ended Temporal knows too.
  const answer = await queryStatus(temporal, facts).catch((error: unknown) => {
    if (isOpen(facts)) throw error
    return undefined
  })
  const code = failure ? exitCodeOf(failure) : answer?.state === 'waiting' ? EXIT.waiting : EXIT.ok
  const json = { workflowId: id, workflow: facts.workflow, status: answer ?? null, ...(failure && { failure }) }
  const ended = failure ? [`${id} has ended: ${failure.type}: ${failure.message}`] : []
  return {
    json,
    lines: [
      ...(answer
        ? statusLines({ workflowId: id, status: answer, now: Date.now() }, context.out)
        : [`${id} is over; no worker tells more.`]),
      ...ended,
    ],
    code,
  }
}

async function failureOfMigration(temporal: Temporal, facts: MigrationFacts): Promise<Failure | undefined> {
  if (isOpen(facts) || facts.workflow === 'COMPLETED') return undefined
  return temporal.client.workflow
    .getHandle(facts.workflowId, facts.runId)
    .result()
    .then(() => undefined, failureOf)
}
