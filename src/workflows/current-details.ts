import { bytesText, countText, durationText } from '../cli/amounts.ts'
import { statusOf } from './migration-state.ts'
import type { MigrationState } from './migration-state.ts'
import { resolveCommand, shellWord } from './resolve-command.ts'
import type { IndexBuild, Phase, Status, TableProgress } from './status.ts'

const PHASES: readonly [Phase, string][] = [
  ['precheck', 'Precheck'],
  ['schema', 'Schema'],
  ['full', 'Full data'],
  ['constraints', 'Foreign keys and triggers'],
  ['incremental', 'Incremental replication'],
  ['cutover', 'Cutover'],
  ['done', 'Done'],
]

/**
 * The Markdown that Temporal's Web UI shows under User Metadata: what needs somebody first, then what can be done, then figures.
 * Headings keep lists apart, which would run into each other; tables come out without spacing.
 */
export function currentDetails(state: MigrationState, workflowId: string): string {
  const status = statusOf(state)
  const phase = PHASES.find(([name]) => name === status.phase)?.[1] ?? status.phase
  return [
    `**${capital(status.state)}** in phase **${phase}**, as of ${time(status.asOf)}`,
    phases(status),
    ...outages(status),
    ...state.waits.map(({ kind, message }) => `**Waiting for you (${kind}).** ${message}`),
    ...nextStep(state, workflowId),
    ...section('Progress', progress(status)),
    ...section('Being copied', (status.copying ?? []).map(copying)),
    ...section('Being built', status.phase === 'full' ? (state.building ?? []).map(building) : []),
    ...section('Precheck', precheck(status)),
    ...section('Warnings', cut(status.warnings.items, status.warnings.total)),
    ...section('Errors so far', errors(state, status)),
  ].join('\n\n')
}

function phases(status: Status): string {
  const reached = PHASES.findIndex(([phase]) => phase === status.phase)
  const mark = (title: string, i: number): string =>
    i < reached || status.state === 'completed' ? `✓ ${title}` : i === reached ? `**▶ ${title}**` : title
  return PHASES.map(([, title], i) => mark(title, i)).join(' → ')
}

function outages({ connection }: Status): string[] {
  return (['source', 'target'] as const).flatMap((side) => {
    const { state, lostAt, deadline } = connection[side]
    return state === 'reconnecting'
      ? [`**The ${side} can't be reached** since ${time(lostAt)}; pgmove tries until ${time(deadline)}, and goes on by itself.`]
      : []
  })
}

function progress({ phase, tables, rows, bytes, rate, eta, lag, undelayed, slot }: Status): string[] {
  const lines = [`Tables copied: ${tables.copied} of ${tables.total}`, `Rows copied: ${countText(rows)}`]
  if (Number(bytes.total) > 0) lines.unshift(bar(bytes.copied, bytes.total))
  if (phase === 'full') {
    lines.push(`Copied: ${bytesText(bytes.copied)} of about ${bytesText(bytes.total)}, at ${countText(Math.round(rate))} rows/s`)
    if (eta !== null) lines.push(`Time left: about ${durationText(eta)}, indexes included`)
  }
  if (lag) lines.push(`Lag: ${bytesText(lag.bytes)}, ${durationText(lag.seconds)} (${undelayed ? 'undelayed' : 'delayed'})`)
  if (slot)
    lines.push(
      `Slot: \`${slot.name}\`, applied ${slot.appliedLsn ?? 'nothing yet'}, retains ${slot.retainedBytes === null ? '?' : bytesText(slot.retainedBytes)} of WAL`,
    )
  return lines
}

function copying({ table, rows, bytes, total, rate }: TableProgress): string {
  const left = Math.max(0, Number(total) - Number(bytes))
  const time = rate === null || rate < 1 ? '' : `, about ${durationText(left / rate)} left`
  const speed = rate === null ? '' : `, at ${bytesText(rate)}/s${time}`
  const done = Number(total) > 0 ? `${bar(bytes, total)} ` : ''
  return `${done}\`${table}\`: ${countText(rows)} rows, ${bytesText(bytes)} of about ${bytesText(total)}${speed}`
}

const BAR_WIDTH = 20

/** How much of `total` is done, as text; sizes are estimates, so that more than all counts as all. */
function bar(done: string, total: string): string {
  const part = Math.min(1, Number(done) / Number(total))
  const full = Math.floor(part * BAR_WIDTH)
  return `\`${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)}\` ${Math.floor(100 * part)} %`
}

function building({ table, index, phase, percent }: IndexBuild): string {
  return `${index === null ? 'an index' : `\`${index}\``} of \`${table}\`: ${phase}${percent === null ? '' : `, ${percent} %`}`
}

function precheck({ phase, precheck: result }: Status): string[] {
  if (phase !== 'precheck') return []
  const open = result?.items.filter((item) => item.status !== 'Passed') ?? []
  return cut(
    open.map((item) => `${item.status}: **${item.name}**: found ${item.found}; ${item.fix}`),
    open.length,
    20,
  )
}

/** The newest first; the ones that wait stand at the top already. */
function errors({ waits }: MigrationState, { errors: { total, items } }: Status): string[] {
  if (waits.length > 0) return []
  return cut(items.map(({ at, type, message }) => `${time(at)} **${type}**: ${message}`).reverse(), total)
}

function nextStep(state: MigrationState, workflowId: string): string[] {
  const command = (what: string, name: string): string[] => [
    what,
    `\`\`\`\ntemporal workflow signal --workflow-id ${shellWord(workflowId)} --name ${name}\n\`\`\``,
  ]
  if (state.ended) return []
  if (state.waits.some(({ kind }) => kind === 'PrecheckFailed')) {
    const accept =
      state.precheck?.status === 'Warning' ? command('Or accept the warnings', `rerunPrecheck --input '{"ignoreWarnings":true}'`) : []
    return [...command('When the cause is mended, check again with', 'rerunPrecheck'), ...accept]
  }
  if (state.waits.length > 0) return [...command('When the cause is mended, go on with', 'resume'), ...answers(state, workflowId)]
  if (state.paused) return command('Paused. Go on with', 'resume')
  if ([state.source, state.target].some((side) => side.state === 'reconnecting')) return []
  if (state.phase === 'incremental' && !state.cutoverRequested)
    return command("To cut over, stop the application's writes, then", 'cutover')
  if (state.phase === 'incremental') return ['A cutover was asked for; it begins as soon as replication is undelayed.']
  return []
}

/** For the first table that waits; the others come after it. */
function answers({ waits }: MigrationState, workflowId: string): string[] {
  const table = waits.find((wait) => wait.table)?.table
  if (!table) return []
  return [
    `Or answer for \`${table.schema}.${table.table}\`: \`retry\` when it is mended, \`copyAgain\` to copy it anew, \`leaveOut\` to go on without it`,
    `\`\`\`\n${resolveCommand(workflowId, table)}\n\`\`\``,
  ]
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`**${title}**`, lines.map((line) => `- ${line}`).join('\n')]
}

/** The first lines, and how many there are besides. */
function cut(lines: readonly string[], total: number, limit = 10): string[] {
  const shown = lines.slice(0, limit)
  return total > shown.length ? [...shown, `and ${total - shown.length} more: see the query \`status\``] : shown
}

/** `2026-03-04T05:06:07.890Z` as people read it. */
function time(iso: string | undefined): string {
  return iso === undefined ? '?' : `${iso.slice(0, 19).replace('T', ' ')} UTC`
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
