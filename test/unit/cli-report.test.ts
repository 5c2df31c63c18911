import assert from 'node:assert/strict'
import test from 'node:test'
import { styleFor } from '../../src/cli/style.ts'
import { textWidth } from '../../src/cli/text-width.ts'
import { cutoverChart } from '../../src/cli/views/cutover-chart.ts'
import { html } from '../../src/cli/views/html.ts'
import { reportLines } from '../../src/cli/views/report-lines.ts'
import { reportPage } from '../../src/cli/views/report-page.ts'
import type { MigrationReport } from '../../src/workflows/migration-report.ts'

const at = (ms: number): string => new Date(Date.UTC(2026, 0, 2, 3, 4, 5) + ms).toISOString()
const NOTHING = { total: 0, items: [] }
const REPORT: MigrationReport = {
  id: '0123456789abcdef',
  name: 'shop to the new cluster',
  types: ['schema', 'full', 'incremental'],
  tables: { total: 12, copied: 12 },
  rows: '12345678901234567890',
  bytes: '1500000000',
  largest: [
    { table: 'shop.orders', rows: '9000000', bytes: '1000000000' },
    { table: '"odd <b>".users', rows: '10', bytes: '500000' },
  ],
  changes: '5300',
  transactions: '210',
  objects: { TABLE: 12, INDEX: 30 },
  skipped: { total: 60, items: [{ object: 'public.v', reason: 'needs a superuser' }] },
  repeated: { total: 1, items: [{ object: 'shop.orders', reason: 'Copied 2 times: the worker was lost.' }] },
  durations: { precheck: 1200, schema: 800, full: 90_000, constraints: 3000, incremental: 60_000, cutover: 2500 },
  cutover: {
    fence: 'readOnly',
    lsn: '0/1A2B3C',
    appliedLsn: '0/1A2B4D',
    downtimeMs: 1000,
    steps: [
      { step: 'catchUp', startedAt: at(0), endedAt: at(1000) },
      { step: 'raiseFence', startedAt: at(1000), endedAt: at(1250) },
      { step: 'drain', startedAt: at(1250), endedAt: at(1500) },
      { step: 'validate', startedAt: at(1500), endedAt: at(1900) },
      { step: 'setSequences', startedAt: at(1500), endedAt: at(1600) },
      { step: 'restoreAccess', startedAt: at(1900), endedAt: at(2100) },
      { step: 'aNewStep', startedAt: at(2100), endedAt: at(2500) },
    ],
  },
  sequences: { total: 1, items: [{ name: 'shop.orders_id_seq', value: '9223372036854775807' }] },
  validation: { method: 'counts', tables: 12, rows: '1234', differing: [] },
  metadata: { status: 'Passed', compared: { TABLE: 12 }, differences: [], total: 0, notCompared: NOTHING },
  warnings: { total: 1, items: ['replica_identity: 1 table without a key'] },
  left: [
    'fence readOnly (stays in force; this lifts it): begin read write; alter database shop reset default_transaction_read_only; commit',
  ],
}
const PAGE = { style: styleFor('never', false, {}), width: 100 }
const OF = { workflowId: 'shop', closedAt: '2026-01-02T03:10:00.000Z' }

test('the steps of a cutover lie on the axis of its downtime', () => {
  assert.ok(REPORT.cutover)
  assert.deepEqual(
    cutoverChart(REPORT.cutover).map(({ title, from, to, inDowntime }) => [title, from, to, inDowntime]),
    [
      ['Wait until replication is undelayed', -1100, -100, false],
      ['Make the source read-only', -100, 150, true],
      ['Apply what is left', 150, 400, true],
      ['Set sequences', 400, 500, true],
      ['Compare rows', 400, 800, true],
      ['Give owners, grants and settings', 800, 1000, true],
      ['aNewStep', 1000, 1400, false],
    ],
  )
})

test('the report on a terminal tells what was moved, how long it took, and what to know', () => {
  const text = reportLines('shop', REPORT, PAGE).join('\n')
  for (const pattern of [
    /^shop: shop to the new cluster\nCompleted: schema, full, incremental\./,
    /Tables +12 of 12, 12,345,678,901,234,567,890 rows, 1\.5 GB/,
    /Largest +shop\.orders \(9,000,000 rows, 1\.0 GB\)/,
    /Full data +█{14}·{10} +1 min 30 s/,
    /Nobody could write for 1\.0 s\./,
    /Wait until replication is undelayed +before the downtime +1000 ms/,
    /Compare rows +·{9}█{10}·{5} +400 ms/,
    /Rows: 1,234 of 12 tables by counts: all equal\./,
    /• public\.v: needs a superuser\n +and 59 more: see the schema pgmove on the target/,
    /Left on the source\n +• fence readOnly/,
  ]) {
    assert.match(text, pattern)
  }
})

test('no line of the report is wider than the terminal', () => {
  for (const width of [40, 80, 200]) {
    for (const line of reportLines('shop', REPORT, { ...PAGE, width })) assert.ok(textWidth(line) <= Math.max(width, 66), line)
  }
})

test('what is missing from a report has no section', () => {
  const report: MigrationReport = {
    ...REPORT,
    largest: [],
    types: ['schema'],
    cutover: null,
    warnings: NOTHING,
    skipped: NOTHING,
    left: [],
    metadata: null,
  }
  const text = reportLines('shop', report, PAGE).join('\n') + reportPage(OF, report)
  assert.doesNotMatch(text, /Nobody could write|Warnings\n|Not migrated|Left on the source|Largest|Definitions of/)
})

test('tables that differ stand out', () => {
  const validation = { method: 'counts', tables: 12, rows: '1234', differing: ['shop.orders'] } as const
  assert.match(reportLines('shop', { ...REPORT, validation }, PAGE).join('\n'), /1 table not equal\.\n +• shop\.orders/)
  assert.match(reportPage(OF, { ...REPORT, validation }), /<b class="bad">Failed\.<\/b>[^]*1 table not equal[^]*<li>shop\.orders<\/li>/)
})

test('the page needs nothing but itself', () => {
  const page = reportPage(OF, REPORT)
  assert.match(page, /^<!doctype html>/)
  assert.doesNotMatch(page, /<script|<link|<img|<iframe|@import|url\(|https?:/i)
  assert.match(page, /Content-Security-Policy" content="default-src 'none'/)
  assert.match(page, /completed 2026-01-02 03:10:00 UTC/)
  assert.match(page, /<td class="number">9223372036854775807<\/td>/)
  assert.equal(page.split('<rect class="bar"').length - 1, 6 + 5 + 2)
})

test('names and messages are text in the page, whatever they hold', () => {
  const hostile = `"><script>alert('x')</script>&amp;\u0000\u202E`
  const list = { total: 1, items: [{ object: hostile, reason: hostile }] }
  const difference = { kind: hostile, object: hostile, attribute: hostile, source: hostile, target: null }
  const metadata = { status: 'Failed', compared: {}, differences: [difference], total: 1, notCompared: NOTHING } as const
  const page = reportPage(
    { workflowId: hostile, closedAt: null },
    {
      ...REPORT,
      name: hostile,
      largest: [{ table: hostile, rows: '1', bytes: '1' }],
      objects: { [hostile]: 1 },
      skipped: list,
      repeated: list,
      warnings: { total: 1, items: [hostile] },
      left: [hostile],
      sequences: { total: 1, items: [{ name: hostile, value: '1' }] },
      validation: { method: 'counts', tables: 1, rows: '1', differing: [hostile] },
      metadata,
    },
  )
  assert.doesNotMatch(page, /<script|\u202E|&amp;amp;amp/)
  assert.ok(!page.includes('\0'))
  assert.equal(page.split('&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;amp;').length - 1, 17)
})

test('only what was made as HTML is put in as it is', () => {
  assert.equal(html`<p title="${'"'}">${['<', html`<b>${1}</b>`, null]}</p>`.text, '<p title="&quot;">&lt;<b>1</b></p>')
})
