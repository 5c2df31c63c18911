import { statusOf } from './migration-state.ts'
import type { MigrationState } from './migration-state.ts'
import type { Phase } from './status.ts'

const PHASES: readonly [Phase, string][] = [
  ['precheck', 'Precheck'],
  ['schema', 'Schema'],
  ['full', 'Full data'],
  ['constraints', 'Foreign keys and triggers'],
  ['incremental', 'Incremental replication'],
  ['cutover', 'Cutover'],
  ['done', 'Done'],
]

/** The Markdown that Temporal's Web UI shows under User Metadata. Lists and code blocks: its tables come out without spacing. */
export function currentDetails(state: MigrationState, workflowId: string): string {
  const status = statusOf(state)
  const reached = PHASES.findIndex(([phase]) => phase === status.phase)
  const lines = [`**${status.state}** in phase **${PHASES[reached]?.[1] ?? status.phase}** (as of ${status.asOf})`, '']
  PHASES.forEach(([, title], i) =>
    lines.push(`- ${i < reached || status.state === 'completed' ? '✓' : i === reached ? '▶' : '·'} ${title}`),
  )
  lines.push('', `- Tables copied: ${status.tables.copied} of ${status.tables.total}`, `- Rows copied: ${status.rows}`)
  if (status.phase === 'full')
    lines.push(`- Bytes: ${status.bytes.copied} of about ${status.bytes.total}, ${Math.round(status.rate)} rows/s`)
  if (status.lag) lines.push(`- Lag: ${status.lag.bytes} bytes, ${status.lag.seconds} s${status.undelayed ? ' (undelayed)' : ''}`)
  if (status.slot)
    lines.push(
      `- Slot: \`${status.slot.name}\`, applied ${status.slot.appliedLsn ?? '-'}, retains ${status.slot.retainedBytes ?? '-'} bytes`,
    )
  for (const side of ['source', 'target'] as const) {
    const { state: connection, lostAt, deadline } = status.connection[side]
    if (connection === 'reconnecting')
      lines.push(`- **The ${side} can't be reached** since ${lostAt ?? '?'}; pgmove tries until ${deadline ?? '?'}`)
  }
  for (const { kind, message } of state.waits) lines.push('', `**Waiting (${kind}):** ${message}`)
  for (const warning of status.warnings.items.slice(0, 10)) lines.push(`- Warning: ${warning}`)
  const failed = status.precheck?.items.filter((item) => item.status !== 'Passed') ?? []
  if (status.phase === 'precheck') {
    for (const item of failed.slice(0, 20)) lines.push(`- ${item.status}: **${item.name}**: found ${item.found}; ${item.fix}`)
  }
  const next = nextCommand(state, workflowId)
  if (next) lines.push('', 'What you can do next:', '```', next, '```')
  return lines.join('\n')
}

function nextCommand(state: MigrationState, workflowId: string): string | undefined {
  const signal = (name: string): string => `temporal workflow signal --workflow-id ${shellWord(workflowId)} --name ${name}`
  if (state.ended) return undefined
  if (state.waits.length > 0 || state.paused) return signal('resume')
  if (state.phase === 'incremental' && !state.cutoverRequested) return signal('cutover')
  return undefined
}

function shellWord(text: string): string {
  return /^[\w.:/@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
