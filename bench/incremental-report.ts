import { machineFacts, measuredCommit } from './machine-facts.ts'

export interface StreamFigures {
  readonly stream: string
  /** Row changes. */
  readonly changes: number
  /** Seconds of pg_recvlogical. */
  readonly decoded: number
  /** Seconds of PostgreSQL's own subscription. */
  readonly native: number
  /** CPU seconds of its processes. */
  readonly nativeCpu: { readonly walsender: number; readonly apply: number }
  readonly pgmove: number
  readonly pgmoveCpu: { readonly walsender: number; readonly apply: number; readonly worker: number }
  /** The worker's peak of resident memory meanwhile. */
  readonly peakBytes: number
}

/** The figures as Markdown, with what they were measured on. */
export function incrementalReport(figures: readonly StreamFigures[], run: { scale: number; from: number; to: number }): string {
  const seconds = (value: number, { native }: StreamFigures) => `${value.toFixed(1)} s (${(value / native).toFixed(2)})`
  const cpu = (...values: number[]) => values.map((value) => value.toFixed(1)).join(' | ')
  return [
    `Measured on ${new Date().toISOString().slice(0, 10)} at commit ${measuredCommit()} by \`npm run bench -- incremental${run.scale === 1 ? '' : ` --scale ${run.scale}`}\`,`,
    `PostgreSQL ${run.from} → ${run.to}, one run: ${machineFacts([], true)}. In brackets the ratio to PostgreSQL's own subscription. Each time`,
    'counts from the moment the stream flows until its last transaction is visible; every table was equal on all three sides afterwards.',
    '',
    '| stream | row changes | only decoded (`pg_recvlogical`) | subscription | pgmove | worker, peak of resident memory |',
    '|---|---|---|---|---|---|',
    ...figures.map(
      (f) =>
        `| ${f.stream} | ${f.changes.toLocaleString('en')} | ${seconds(f.decoded, f)} | ${f.native.toFixed(1)} s | ${seconds(f.pgmove, f)} | ${Math.round(f.peakBytes / 1e6)} MB |`,
    ),
    '',
    '| CPU seconds | subscription: walsender | apply worker | pgmove: walsender | session on the target | worker |',
    '|---|---|---|---|---|---|',
    ...figures.map(
      ({ stream, nativeCpu: n, pgmoveCpu: p }) => `| ${stream} | ${cpu(n.walsender, n.apply, p.walsender, p.apply, p.worker)} |`,
    ),
    '',
    'The mixed stream: pgbench transactions of four changes, then an INSERT of 300,000 rows, an UPDATE of 200,000 and a DELETE of 100,000. The',
    'hot one: 1,000 rows updated 500,000 times, ten updates a transaction. `pgcopydb follow` is not beside them: version 0.10, as Debian 12 has it, needs the',
    'output plugin wal2json, which is no part of PostgreSQL.',
  ].join('\n')
}
