import type { Side } from '../src/errors/error-kind.ts'
import { machineFacts, measuredCommit } from './machine-facts.ts'

export interface Outage {
  readonly side: Side
  /** From the server's return until the next commit on the target. */
  readonly movedMs: number
  /** When it was tried to reach the server, in milliseconds since 1970. */
  readonly attempts: readonly number[]
  /** Added to the workflow's history, from the loss until the status showed the server's return, reports at their usual pace included. */
  readonly events: number
}

export interface Death {
  /** From the kill until the next commit on the target by another worker. */
  readonly movedMs: number
}

export interface OutageRun {
  readonly from: number
  readonly to: number
  /** How long each server was away. */
  readonly seconds: number
  readonly perSecond: number
}

const RETURN_MS = 5_000
const TAKEOVER_MS = 15_000
const EVENTS = 12

/** The figures as Markdown, and whether all are within their limits. */
export function outageReport(outages: readonly Outage[], deaths: readonly Death[], run: OutageRun): { text: string; passed: boolean } {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
  const pace = ({ attempts }: Outage): number => {
    const [first = 0, last = 0] = [attempts[0], attempts.at(-1)]
    return attempts.length > 1 ? (attempts.length - 1) / ((last - first) / 1000) : 0
  }
  const slowest = Math.max(...deaths.map(({ movedMs }) => movedMs))
  const passed = slowest <= TAKEOVER_MS && outages.every((one) => one.movedMs <= RETURN_MS && pace(one) <= 1 && one.events <= EVENTS)
  const text = [
    `Measured on ${new Date().toISOString().slice(0, 10)} at commit ${measuredCommit()} by \`npm run bench -- outage\`, PostgreSQL ${run.from} → ${run.to},`,
    `one run: ${machineFacts([], true)}. The demo's shop under ${run.perSecond} transactions a second, two workers; a proxy ends every connection to a`,
    `server and each new one at once, for ${run.seconds} s. Both sides were equal afterwards, and each commit that the application saw acknowledged was on both.`,
    '',
    '| what | limit | source | target |',
    '|---|---|---|---|',
    `| from the server's return to the next commit on the target | ${seconds(RETURN_MS)} | ${outages.map((one) => seconds(one.movedMs)).join(' | ')} |`,
    `| attempts to connect, a second | 1 | ${outages.map((one) => `${pace(one).toFixed(2)} (${one.attempts.length})`).join(' | ')} |`,
    `| events in the workflow's history | ${EVENTS} | ${outages.map((one) => one.events).join(' | ')} |`,
    '',
    `From the kill of the worker that applies to the next commit by the other one: ${deaths.map(({ movedMs }) => seconds(movedMs)).join(', ')} (limit ${seconds(TAKEOVER_MS)}).`,
  ].join('\n')
  return { text, passed }
}
