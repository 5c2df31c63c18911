import type { Phase, Status } from '../src/workflows/status.ts'

/** What the display shows at one moment. */
export interface Progress {
  readonly status: Status
  /** Milliseconds spent in each phase that was entered. */
  readonly spent: ReadonlyMap<Phase, number>
  /** The application: its commits so far, and per second lately; undefined once it is stopped. */
  readonly writer: { readonly commits: number; readonly rate: number } | undefined
}

const PHASES: readonly (readonly [phase: Phase, title: string])[] = [
  ['precheck', 'Precheck'],
  ['schema', 'Schema'],
  ['full', 'Full data'],
  ['constraints', 'Foreign keys and triggers'],
  ['incremental', 'Incremental replication'],
  ['cutover', 'Cutover'],
]
const BAR = 20

/** One line for each phase, and the application's: what a terminal shows, renewed in place. */
export function progressLines({ status, spent, writer }: Progress): string[] {
  const reached = status.phase === 'done' ? PHASES.length : PHASES.findIndex(([phase]) => phase === status.phase)
  const lines = PHASES.map(([phase, title], i) => {
    const mark = i < reached ? '✔' : i === reached ? '▶' : '·'
    const time = i <= reached && spent.has(phase) ? `${((spent.get(phase) ?? 0) / 1000).toFixed(1)} s` : ''
    return `  ${mark} ${title.padEnd(27)}${time.padStart(8)}  ${i <= reached ? detailOf(phase, status) : ''}`.trimEnd()
  })
  if (writer) lines.push(`    Application: ${count(writer.commits)} commits, ${Math.round(writer.rate)} a second`)
  if (status.state !== 'running' && status.state !== 'completed') lines.push(`    ${stateOf(status)}`)
  return lines
}

/** The same in one line, for logs. */
export function progressLine({ status, writer }: Progress): string {
  const parts = [status.phase, detailOf(status.phase, status).replace(/^[█░]+ /, '')]
  if (status.phase === 'incremental') parts.push(status.undelayed ? 'undelayed' : 'catching up')
  if (writer) parts.push(`application: ${count(writer.commits)} commits`)
  if (status.state !== 'running') parts.push(stateOf(status))
  return parts.filter((part) => part !== '').join(', ')
}

/** Changes when there is something new to say in a log: not with every figure. */
export function progressKey({ status }: Progress): string {
  const { phase, state, undelayed, tables, warnings, errors } = status
  const share = phase === 'full' && tables.total > 0 ? Math.floor((tables.copied * 5) / tables.total) : 0
  return [phase, state, undelayed && phase === 'incremental', share, warnings.total, errors.total].join(' ')
}

function detailOf(phase: Phase, { tables, rows, bytes, rate, eta, lag, phase: now }: Status): string {
  if (phase === 'full') {
    const share = tables.total > 0 ? tables.copied / tables.total : 0
    const figures = [`${tables.copied} of ${tables.total} tables`, `${count(rows)} rows`, megabytes(bytes.copied)]
    if (now === 'full' && rate > 0) figures.push(`${count(Math.round(rate))} rows/s`)
    if (now === 'full' && eta !== null && eta > 0) figures.push(`${Math.round(eta)} s left`)
    return now === 'full' ? `${bar(share)} ${figures.join(', ')}` : figures.join(', ')
  }
  if (phase === 'incremental' && lag) return `${megabytes(lag.bytes)} and ${lag.seconds.toFixed(1)} s behind the source`
  return ''
}

/** What a person has to know when it doesn't just run. */
export function stateOf({ phase, state, errors, precheck }: Status): string {
  if (state !== 'waiting') return state
  const unmet = (precheck?.items ?? []).filter((item) => item.status !== 'Passed')
  const last = errors.items.at(-1)
  const items = unmet.map((item) => `${item.name} (${item.status}): ${item.found}; ${item.fix}`).join('; ')
  const reason = phase === 'precheck' && items ? items : last && `${last.type}: ${last.message}`
  return `waiting for you: ${reason ?? 'no reason was given'}`
}

function bar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR)
  return '█'.repeat(full) + '░'.repeat(BAR - full)
}

function count(value: string | number): string {
  return BigInt(value).toLocaleString('en')
}

function megabytes(bytes: string): string {
  return `${(Number(bytes) / 1e6).toFixed(1)} MB`
}
