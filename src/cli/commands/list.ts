import type { Command } from 'commander'
import type { Status } from '../../workflows/status.ts'
import { durationText, timeText } from '../amounts.ts'
import type { Cli, CommandContext } from '../cli.ts'
import { usageError } from '../cli-error.ts'
import { columns } from '../columns.ts'
import type { Cell } from '../columns.ts'
import { findMigration, MIGRATION_TYPE, queryStatus } from '../migration.ts'
import type { MigrationFacts, WorkflowState } from '../migration.ts'
import type { Outcome } from '../output.ts'
import type { Style } from '../style.ts'
import type { Temporal } from '../temporal-connection.ts'

const QUERY = `WorkflowType = '${MIGRATION_TYPE}' AND ExecutionStatus != 'ContinuedAsNew'`
const DEFAULT_LIMIT = 50
/** Statuses that are asked for at once. */
const LANES = 8

interface Listed {
  readonly workflowId: string
  readonly runId: string
  readonly workflow: WorkflowState
  readonly startedAt: string
  readonly closedAt: string | null
}

export function addList(program: Command, cli: Cli): void {
  program
    .command('list')
    .description('the migrations of the namespace, running ones first')
    .option('--limit <number>', 'how many of those that are over', String(DEFAULT_LIMIT))
    .option('--running', 'only those that are not over')
    .addHelpText(
      'after',
      '\nWhat runs is asked for its phase; without a worker that is not known.\n\nExample:\n  pgmove list --running --json',
    )
    .action((options: { limit: string; running?: boolean }, command: Command) => {
      const limit = options.running ? 0 : numberOf(options.limit)
      return cli.perform(command, {
        equivalent: () => [['workflow', 'list', '--query', options.running ? `${QUERY} AND ExecutionStatus = 'Running'` : QUERY]],
        work: (context) => list(context, limit),
      })
    })
}

function numberOf(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text)
  throw usageError(`--limit is "${text}", but must be a whole number from 0 to 99999.`)
}

async function list(context: CommandContext, limit: number): Promise<Outcome> {
  const temporal = await context.temporal()
  const running = await listed(temporal, `${QUERY} AND ExecutionStatus = 'Running'`, Infinity)
  const over = limit === 0 ? [] : await listed(temporal, `${QUERY} AND ExecutionStatus != 'Running'`, limit)
  const statuses = await statusesOf(temporal, running)
  const json = {
    migrations: [
      ...running.map((one, i) => ({
        ...one,
        phase: statuses[i]?.phase ?? null,
        state: statuses[i]?.state ?? null,
        status: statuses[i] ?? null,
      })),
      ...over.map((one) => ({ ...one, phase: null, state: null, status: null })),
    ],
  }
  const { style, width } = context.out
  const rows = [...running.map((one, i) => runningRow(one, statuses[i], style)), ...over.map((one) => overRow(one, style))]
  if (rows.length === 0)
    return { json, lines: [`There are no migrations in the namespace ${temporal.namespace}. Start one: pgmove start SPEC`] }
  const header = ['ID', 'STATE', 'PHASE', 'BEHIND', 'STARTED', 'ENDED']
  return { json, lines: columns(rows, { width, header, paintHeader: style.heading }) }
}

async function listed({ client }: Temporal, query: string, limit: number): Promise<Listed[]> {
  const found: Listed[] = []
  for await (const { workflowId, runId, status, startTime, closeTime } of client.workflow.list({ query })) {
    if (found.length >= limit) break
    const closedAt = closeTime?.toISOString() ?? null
    found.push({ workflowId, runId, workflow: status.name as WorkflowState, startedAt: startTime.toISOString(), closedAt })
  }
  return found
}

/** One that does not answer is listed all the same. */
async function statusesOf(temporal: Temporal, migrations: readonly Listed[]): Promise<(Status | undefined)[]> {
  const statuses: (Status | undefined)[] = migrations.map(() => undefined)
  const waiting = [...migrations.entries()]
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [index, { workflowId }] = next
      const facts: MigrationFacts | undefined = await findMigration(temporal, workflowId).catch(() => undefined)
      if (facts) statuses[index] = await queryStatus(temporal, facts).catch(() => undefined)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return statuses
}

function runningRow({ workflowId, startedAt }: Listed, status: Status | undefined, style: Style): Cell[] {
  const state: Cell = status ? { text: status.state, paint: paintOf(status.state, style) } : { text: 'no answer', paint: style.warning }
  const behind = status?.phase === 'incremental' && status.lag ? durationText(status.lag.seconds) : ''
  return [workflowId, state, status?.phase ?? '?', behind, timeText(startedAt), '']
}

function overRow({ workflowId, workflow, startedAt, closedAt }: Listed, style: Style): Cell[] {
  const text = workflow.toLowerCase().replaceAll('_', ' ')
  return [
    workflowId,
    { text, paint: workflow === 'COMPLETED' ? style.good : style.bad },
    '',
    '',
    timeText(startedAt),
    closedAt ? timeText(closedAt) : '',
  ]
}

function paintOf(state: Status['state'], style: Style): (text: string) => string {
  if (state === 'running' || state === 'completed') return style.good
  return state === 'failed' ? style.bad : style.warning
}
