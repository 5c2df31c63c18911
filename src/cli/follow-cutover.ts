import type { MigrationReport } from '../workflows/migration-report.ts'
import { shellWord } from '../workflows/resolve-command.ts'
import type { Status } from '../workflows/status.ts'
import { durationText } from './amounts.ts'
import { attention, attentionLines } from './attention.ts'
import type { Attention } from './attention.ts'
import { CliError } from './cli-error.ts'
import type { CommandContext } from './cli.ts'
import { EXIT } from './exit-code.ts'
import { exitCodeOf } from './failure.ts'
import { followMigration } from './follow-migration.ts'
import type { MigrationFacts } from './migration.ts'
import { News } from './news.ts'
import type { Outcome } from './output.ts'
import { stepTitle } from './views/cutover-chart.ts'
import { afterCutoverLines } from './views/cutover-lines.ts'

const EVERY_MS = 500

/**
 * Waits for the end of a cutover that was asked for, or for its way back; tells on standard error what goes on.
 *
 * @param before the status when it was asked for
 */
export function followCutover(context: CommandContext, { workflowId }: MigrationFacts, before: Status): Promise<Outcome> {
  return context.interruptible(async (signal) => {
    const temporal = await context.temporal()
    let begun = false
    let last = ''
    const news = new News()
    news.of(before)
    const tell = (line: string): void => {
      if (line !== last) context.out.notice(`${new Date().toISOString().slice(11, 19)} ${line}`)
      last = line
    }
    for await (const sight of followMigration(temporal, workflowId, { signal, everyMs: EVERY_MS })) {
      if (sight.kind === 'absent') tell(sight.reason.split('\n')[0] ?? '')
      else if (sight.kind === 'ended') {
        const { failure, facts } = sight
        if (failure) throw new CliError(exitCodeOf(failure), failure.type, `${workflowId} has ended: ${failure.type}: ${failure.message}`)
        const report = (await temporal.client.workflow.getHandle(workflowId, facts.runId).result()) as MigrationReport
        return { json: { workflowId, report }, lines: afterCutoverLines(workflowId, report, context.out) }
      } else {
        const { status, facts } = sight
        const wanted = attention(status, workflowId)
        if (wanted) return waiting(workflowId, status, wanted)
        if (isOver(status, begun)) throw wentBack(workflowId, status, before.errors.total)
        begun ||= status.phase === 'cutover'
        tell(progressLine(status, facts))
        news.of(status).forEach(tell)
      }
    }
    const id = shellWord(workflowId)
    const text = `The cutover goes on.\nWatch it:    pgmove status ${id} --watch\nGive it up:  pgmove abort-cutover ${id}`
    throw new CliError(EXIT.interrupted, 'Interrupted', text)
  })
}

/** Whether nobody asks for it any more. Older workers don't tell: then only the way back shows it. */
function isOver({ phase, cutoverRequested }: Status, begun: boolean): boolean {
  if (phase === 'cutover' || phase === 'done') return false
  return cutoverRequested === undefined ? begun && phase === 'incremental' : !cutoverRequested
}

function waiting(workflowId: string, status: Status, wanted: Attention): Outcome {
  const lines = [`The cutover of ${workflowId} waits for you.`, ...attentionLines(wanted)]
  return { json: { workflowId, status }, lines, code: EXIT.waiting }
}

function wentBack(workflowId: string, { errors }: Status, errorsBefore: number): CliError {
  const last = errors.total > errorsBefore ? errors.items.at(-1) : undefined
  const reason = last ? `${last.type}: ${last.message}` : 'It was aborted.'
  return new CliError(EXIT.failed, last?.type ?? 'Aborted', `The cutover of ${workflowId} was given up; the migration goes on. ${reason}`)
}

function progressLine({ phase, state, undelayed, lag }: Status, { activities, workflowId }: MigrationFacts): string {
  if (state === 'reconnecting') return `${phase}: a server can't be reached; pgmove tries again`
  if (phase === 'cutover') return ['cutover', ...new Set(activities.map(stepTitle))].join(': ')
  if (state === 'paused') return `${phase}: paused; pgmove resume ${shellWord(workflowId)} goes on`
  if (state !== 'running') return `${phase}: ${state}`
  if (phase === 'incremental') return undelayed ? 'the cutover begins' : `catching up${lag ? `, ${durationText(lag.seconds)} behind` : ''}`
  return `${phase}: the cutover is kept until replication is undelayed`
}
