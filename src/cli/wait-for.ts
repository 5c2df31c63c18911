import type { Status } from '../workflows/status.ts'
import { News } from './news.ts'
import { attention, attentionLines } from './attention.ts'
import { CliError } from './cli-error.ts'
import type { CommandContext } from './cli.ts'
import { EXIT } from './exit-code.ts'
import { exitCodeOf } from './failure.ts'
import { followMigration } from './follow-migration.ts'
import type { Sight } from './follow-migration.ts'
import type { Outcome } from './output.ts'
import { shellWord } from '../workflows/resolve-command.ts'

/** `undelayed`: incremental replication keeps up, a cutover may begin. */
export type WaitGoal = 'end' | 'undelayed'

/** Waits until a migration has reached a goal, ends, or waits for a person; tells on standard error what changes. */
export function waitFor(context: CommandContext, workflowId: string, goal: WaitGoal): Promise<Outcome> {
  return context.interruptible(async (signal) => {
    const temporal = await context.temporal()
    const tell = (line: string): void => context.out.notice(`${new Date().toISOString().slice(11, 19)} ${line}`)
    let last = ''
    const news = new News()
    for await (const sight of followMigration(temporal, workflowId, { signal })) {
      const line = changeLine(sight)
      if (line !== last) tell(line)
      last = line
      if (sight.kind === 'status') news.of(sight.status).forEach(tell)
      const outcome = outcomeOf(sight, workflowId, goal)
      if (outcome) return outcome
    }
    const text = `Nothing is waited for any more; ${workflowId} goes on. See: pgmove status ${shellWord(workflowId)}`
    throw new CliError(EXIT.interrupted, 'Interrupted', text)
  })
}

function outcomeOf(sight: Sight, workflowId: string, goal: WaitGoal): Outcome | undefined {
  if (sight.kind === 'absent') return undefined
  const { status, facts } = sight
  const json = { workflowId, workflow: facts.workflow, status: status ?? null }
  if (sight.kind === 'ended') {
    const { failure } = sight
    if (!failure) return { json, lines: [`${workflowId} has completed. See: pgmove report ${shellWord(workflowId)}`] }
    return {
      json: { ...json, failure },
      lines: [`${workflowId} has ended: ${failure.type}: ${failure.message}`],
      code: exitCodeOf(failure),
    }
  }
  const wanted = attention(sight.status, workflowId)
  if (wanted) {
    const lines = [`${workflowId} waits for you.`, ...attentionLines(wanted)]
    return { json, lines, code: EXIT.waiting }
  }
  if (goal === 'undelayed' && sight.status.phase === 'incremental' && sight.status.undelayed) {
    return { json, lines: [`${workflowId} replicates undelayed. Cut it over: pgmove cutover ${shellWord(workflowId)}`] }
  }
  return undefined
}

/** Changes when there is something new, not with every figure. */
function changeLine(sight: Sight): string {
  if (sight.kind === 'absent') return sight.reason.split('\n')[0] ?? ''
  if (sight.kind === 'ended') return sight.facts.workflow.toLowerCase().replaceAll('_', ' ')
  return phaseLine(sight.status)
}

/** Phase and state in a few words. */
export function phaseLine({ phase, state, tables, undelayed }: Status): string {
  const parts: string[] = [phase]
  if (phase === 'full') parts.push(`${tables.copied} of ${tables.total} tables`)
  if (phase === 'incremental') parts.push(undelayed ? 'undelayed' : 'catching up')
  if (state !== 'running') parts.push(state)
  return parts.join(', ')
}
