import type { Command } from 'commander'
import type { Cli, CommandContext } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { EXIT } from '../exit-code.ts'
import { followMigration } from '../follow-migration.ts'
import { demandOpen, findMigration } from '../migration.ts'
import type { Outcome } from '../output.ts'
import { noWorkerText, workerPolls } from '../worker-presence.ts'
import { shellWord } from '../../workflows/resolve-command.ts'

/** How warnings begin that name what could not be put back. */
const LEFT = 'Left behind: '

export function addCancel(program: Command, cli: Cli): void {
  program
    .command('cancel')
    .description('stop a migration for good; the source is left as it was found, the target keeps its data')
    .argument('<id>', 'workflow ID of the migration')
    .option('--yes', 'do not ask')
    .option('--no-wait', 'do not wait until the source is released')
    .addHelpText(
      'after',
      '\nIt waits until the source is released, at most some minutes, and tells what is left.\n\nExample:\n  pgmove cancel shop --yes',
    )
    .action((id: string, options: { yes?: boolean; wait: boolean }, command: Command) =>
      cli.perform(command, {
        equivalent: () => [['workflow', 'cancel', '--workflow-id', id]],
        work: (context) => cancel(context, id, options),
      }),
    )
}

async function cancel(context: CommandContext, id: string, { yes, wait }: { yes?: boolean; wait: boolean }): Promise<Outcome> {
  const temporal = await context.temporal()
  const facts = await findMigration(temporal, id)
  demandOpen(facts)
  const question = `Cancel ${id}? It can't go on afterwards: another migration begins anew.`
  if (!(await context.confirm(question, yes === true)))
    return { json: { workflowId: id, cancelled: false }, lines: ['Nothing was sent.'], code: EXIT.failed }
  await temporal.client.workflow.getHandle(id, undefined, { firstExecutionRunId: facts.firstRunId }).cancel()
  if (!wait) return { json: { workflowId: id, sent: 'cancel' }, lines: [`The cancel was sent to ${id}.`] }
  if (!(await workerPolls(temporal, facts.taskQueue)))
    context.out.notice(`${noWorkerText(facts.taskQueue, temporal.namespace)}\nThe cancel is kept until then.`)
  return await context.interruptible(async (signal) => {
    for await (const sight of followMigration(temporal, id, { signal })) {
      if (sight.kind !== 'ended') continue
      const left = (sight.status?.warnings.items ?? []).flatMap((text) => (text.startsWith(LEFT) ? [text.slice(LEFT.length)] : []))
      const { workflow } = sight.facts
      const json = { workflowId: id, workflow, left }
      if (workflow !== 'CANCELLED') {
        const text = `${id} was not cancelled: it is ${workflow.toLowerCase().replace('_', ' ')}.`
        return { json, lines: [text, ...left], code: EXIT.failed }
      }
      const rest = left.length > 0 ? 'Left behind:' : 'Nothing is left behind.'
      return { json, lines: [`${id} is cancelled; the target keeps its data. ${rest}`, ...left.map((text) => `  ${text}`)] }
    }
    throw new CliError(EXIT.interrupted, 'Interrupted', `The cancel of ${id} goes on. See: pgmove status ${shellWord(id)}`)
  })
}
