import type { Command } from 'commander'
import { sourceLabel } from '../../workflows/clean-up-result.ts'
import { shellWord } from '../../workflows/resolve-command.ts'
import type { Cli, CommandContext } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { EXIT } from '../exit-code.ts'
import { findMigration, isOpen, MIGRATION_TYPE } from '../migration.ts'
import { readSpec, STDIN, workflowIdOf } from '../spec-file.ts'
import type { SpecFile } from '../spec-file.ts'
import type { Temporal } from '../temporal-connection.ts'
import { waitFor } from '../wait-for.ts'
import type { WaitGoal } from '../wait-for.ts'
import { webPage } from '../web-page.ts'
import { noWorkerText, workerPolls } from '../worker-presence.ts'
import { goalOption } from './wait.ts'

export function addStart(program: Command, cli: Cli): void {
  program
    .command('start')
    .description('start a migration')
    .argument('<spec>', "the spec's file, or - for standard input")
    .option('--id <id>', "workflow ID (default: the file's name without .json)")
    .addOption(goalOption('--wait [goal]'))
    .addHelpText(
      'after',
      `
It goes on until it waits for the cutover, or, without incremental replication, to its end. The same ID can't run twice, and not again once it has
completed; after a failure or a cancel it can. With --wait it shows what happens; Ctrl-C ends only that.

Examples:
  pgmove start shop.json
  pgmove start shop.json --wait undelayed && pgmove cutover shop --yes`,
    )
    .action((file: string, options: { id?: string; wait?: WaitGoal | true }, command: Command) =>
      cli.perform(command, {
        equivalent: async ({ stdin, taskQueue }) => {
          const spec = await readSpec(file, stdin)
          const input = file === STDIN ? ['--input', JSON.stringify(spec.document)] : ['--input-file', file]
          const policies = ['--id-conflict-policy', 'Fail', '--id-reuse-policy', 'AllowDuplicateFailedOnly']
          const texts = ['--static-summary', summary(spec), '--static-details', details(spec)]
          const id = options.id ?? workflowIdOf(file)
          const what = ['--task-queue', taskQueue, '--type', MIGRATION_TYPE, '--workflow-id', id, ...input]
          return [['workflow', 'start', ...what, ...policies, ...texts]]
        },
        work: async (context) => {
          const spec = await readSpec(file, context.stdin)
          const id = options.id ?? workflowIdOf(file)
          const started = await start(context, spec, id)
          if (options.wait === undefined) return { json: started.json, lines: [...started.lines, '', ...next(id)] }
          context.out.print(started.lines)
          return waitFor(context, id, options.wait === true ? 'end' : options.wait)
        },
      }),
    )
}

/** One line, for lists. */
function summary({ spec }: SpecFile): string {
  return `Move ${spec.name ?? 'a PostgreSQL database'}`.slice(0, 200)
}

/** Markdown; connections hold no secrets, only references to them. */
function details({ spec }: SpecFile): string {
  const { source, target, types } = spec
  return [`- Source: \`${sourceLabel(source)}\``, `- Target: \`${sourceLabel(target)}\``, `- Types: ${types.join(', ')}`].join('\n')
}

async function start(context: CommandContext, spec: SpecFile, workflowId: string): Promise<{ json: object; lines: string[] }> {
  const temporal = await context.temporal()
  const { taskQueue } = context
  try {
    const handle = await temporal.client.workflow.start(MIGRATION_TYPE, {
      taskQueue,
      workflowId,
      args: [spec.document],
      workflowIdConflictPolicy: 'FAIL',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
      staticSummary: summary(spec),
      staticDetails: details(spec),
    })
    const polls = await workerPolls(temporal, taskQueue)
    if (!polls)
      context.out.notice(
        context.out.noticeStyle.warning(`${noWorkerText(taskQueue, temporal.namespace)}\nThe migration begins when one runs.`),
      )
    const page = await webPage(temporal, context.env, workflowId, handle.firstExecutionRunId)
    const json = {
      workflowId,
      runId: handle.firstExecutionRunId,
      namespace: temporal.namespace,
      taskQueue,
      webUi: page ?? null,
      worker: polls,
    }
    return { json, lines: [`Started ${workflowId}.`, ...(page ? [`In the Web UI: ${page}`] : [])] }
  } catch (error) {
    if (error instanceof Error && error.name === 'WorkflowExecutionAlreadyStartedError') throw await taken(temporal, workflowId, error)
    throw error
  }
}

async function taken(temporal: Temporal, workflowId: string, cause: Error): Promise<CliError> {
  const id = shellWord(workflowId)
  const facts = await findMigration(temporal, workflowId)
  if (!isOpen(facts)) {
    const text = `${workflowId} has completed already; nothing was started. Another migration needs another ID: --id`
    return new CliError(EXIT.failed, 'AlreadyCompleted', text, { cause })
  }
  return new CliError(
    EXIT.failed,
    'AlreadyStarted',
    `A migration ${workflowId} is running; nothing was started.\nLook at it: pgmove status ${id}\nAnother one needs another ID: --id`,
    { cause },
  )
}

function next(workflowId: string): string[] {
  const id = shellWord(workflowId)
  return [`Watch it:     pgmove status ${id} --watch`, `Cut it over:  pgmove cutover ${id}`]
}
