import type { CutoverValidation, Fence } from '../../spec/migration-spec.ts'
import { shellWord } from '../../workflows/resolve-command.ts'
import type { MigrationReport } from '../../workflows/migration-report.ts'
import type { Status } from '../../workflows/status.ts'
import { bytesText, durationText } from '../amounts.ts'
import { attention } from '../attention.ts'
import { columns } from '../columns.ts'
import type { Page } from './check-lines.ts'
import { cutoverChart } from './cutover-chart.ts'
import { plural } from './plural.ts'

/** What somebody has to know before a cutover. */
export function beforeCutoverLines(
  workflowId: string,
  status: Status,
  { fence, validate }: { readonly fence: Fence | undefined; readonly validate: CutoverValidation | undefined },
): string[] {
  const { phase, state, undelayed, lag, warnings } = status
  const lines = [`${workflowId} is in phase ${phase}, ${state}.`]
  if (lag)
    lines.push(
      `It is ${bytesText(lag.bytes)} and ${durationText(lag.seconds)} behind the source${undelayed ? '' : ': the cutover waits until it has caught up'}.`,
    )
  else if (phase !== 'incremental') lines.push('The cutover waits until incremental replication is undelayed.')
  if (state === 'paused') lines.push(`It is paused: the cutover waits until pgmove resume ${shellWord(workflowId)}.`)
  const wanted = attention(status, workflowId)
  if (wanted) lines.push(`It waits for you: ${wanted.reason}`)
  for (const text of warnings.items.slice(0, 10)) lines.push(`Warning: ${text}`)
  if (warnings.total > 10) lines.push(`and ${warnings.total - 10} more warnings: pgmove status ${shellWord(workflowId)}`)
  if (fence === 'readOnly')
    lines.push('The source becomes read-only, and all its sessions are ended. It stays so when the cutover succeeds.')
  if (fence === 'none')
    lines.push('Nothing keeps the application from writing to the source: stop it first. --fence readOnly would see to it.')
  if (validate === 'checksum') lines.push('All rows are compared first; the source is fenced after that.')
  if (validate === 'none') lines.push('No rows are counted or compared.')
  return lines
}

/** What a cutover has come to. */
export function afterCutoverLines(workflowId: string, report: MigrationReport, page: Page): string[] {
  const { cutover, validation, left } = report
  if (!cutover) return [`${workflowId} has completed.`]
  const rows = cutoverChart(cutover).map(({ title, from, to, inDowntime }) => [
    `  ${title}`,
    durationText((to - from) / 1000),
    inDowntime ? '' : 'while the application could write',
  ])
  const compared =
    validation.method === 'none'
      ? 'No rows were compared.'
      : `${plural(validation.rows, 'row')} of ${plural(validation.tables, 'table')} compared by ${validation.method}.`
  return [
    page.style.good(`${workflowId} is cut over. Nobody could write for ${durationText(cutover.downtimeMs / 1000)}.`),
    ...columns(rows, page),
    compared,
    ...left.map((text) => `Left on the source: ${text}`),
    `Point the application to the target. All about it: pgmove report ${shellWord(workflowId)}`,
  ]
}
