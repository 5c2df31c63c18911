import { percentile } from './lag-sampler.ts'
import { machineFacts, measuredCommit } from './machine-facts.ts'

export interface LagFigures {
  /** Milliseconds, of each transaction in the order of appearance. */
  readonly lags: readonly number[]
  /** Of transactions that came alone. */
  readonly lone: readonly number[]
  /** Parts of one core, under load; `worker` is pgmove's worker process. */
  readonly cpu: { readonly walsender: number; readonly apply: number; readonly worker: number }
  /** The worker's peak of resident memory meanwhile. */
  readonly peakBytes: number
  /** Transactions a second that the source took. */
  readonly perSecond: number
}

interface Run {
  readonly scale: number
  readonly seconds: number
  readonly perSecond: number
  readonly clients: number
  readonly lone: number
  readonly from: number
  readonly to: number
}

/** The figures as Markdown, with what they were measured on. */
export function latencyReport({ native, pgmove }: { native: LagFigures; pgmove: LagFigures }, run: Run): string {
  const ms = (value: number) => `${value.toFixed(0)} ms`
  const row = (what: string, of: (figures: LagFigures) => number) =>
    `| ${what} | ${ms(of(native))} | ${ms(of(pgmove))} | ${(of(pgmove) / of(native)).toFixed(2)} |`
  const third = (lags: readonly number[], n: number) => lags.slice((n * lags.length) / 3, ((n + 1) * lags.length) / 3)
  const core = (value: number) => value.toFixed(2)
  return [
    `Measured on ${new Date().toISOString().slice(0, 10)} at commit ${measuredCommit()} by \`npm run bench -- latency${run.scale === 1 ? '' : ` --scale ${run.scale}`}\`,`,
    `PostgreSQL ${run.from} → ${run.to}, one run: ${machineFacts([], true)}. A lag counts from a row's writing, right before its`,
    'commit on the source, to the first look that shows it on the target, by the one clock of this machine; a look came every 10 ms. Under load,',
    `${run.clients} clients wrote rows one by one for ${run.seconds} s, ${run.perSecond.toLocaleString('en')} transactions a second if the source could take them. All rows were equal on all three sides afterwards.`,
    '',
    '| lag | subscription | pgmove | ratio |',
    '|---|---|---|---|',
    row('under load, median', ({ lags }) => percentile(lags, 0.5)),
    row('99 % (limit 500 ms)', ({ lags }) => percentile(lags, 0.99)),
    row('longest', ({ lags }) => percentile(lags, 1)),
    row('99 % in the first third of the time', ({ lags }) => percentile(third(lags, 0), 0.99)),
    row('99 % in the last third', ({ lags }) => percentile(third(lags, 2), 0.99)),
    row(`one transaction alone, median of ${run.lone}`, ({ lone }) => percentile(lone, 0.5)),
    row('longest (limit 200 ms)', ({ lone }) => percentile(lone, 1)),
    '',
    '| under load | subscription | pgmove |',
    '|---|---|---|',
    `| transactions a second that the source took | ${native.perSecond.toFixed(0)} | ${pgmove.perSecond.toFixed(0)} |`,
    `| walsender, of one core | ${core(native.cpu.walsender)} | ${core(pgmove.cpu.walsender)} |`,
    `| apply worker or session on the target, of one core | ${core(native.cpu.apply)} | ${core(pgmove.cpu.apply)} |`,
    `| pgmove's worker, of one core (limit 1) | | ${core(pgmove.cpu.worker)} |`,
    `| pgmove's worker, peak of resident memory | | ${Math.round(pgmove.peakBytes / 1e6)} MB |`,
  ].join('\n')
}
