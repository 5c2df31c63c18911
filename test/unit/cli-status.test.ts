import assert from 'node:assert/strict'
import test from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { Screen } from '../../src/cli/screen.ts'
import { styleFor } from '../../src/cli/style.ts'
import { textWidth } from '../../src/cli/text-width.ts'
import { progressBar, spanBar, sparkline } from '../../src/cli/views/progress-bar.ts'
import { statusKey, statusLine } from '../../src/cli/views/status-change.ts'
import { StatusHistory } from '../../src/cli/views/status-history.ts'
import { statusLines } from '../../src/cli/views/status-lines.ts'
import { WatchedMigration } from '../../src/cli/watched-migration.ts'
import type { Status } from '../../src/workflows/status.ts'
import { sampleStatus } from '../sample-status.ts'

const PAGE = { style: styleFor('never', false, {}), width: 110 }
const NOW = Date.UTC(2026, 0, 2, 3, 4, 15)

const lines = (changes: Partial<Status>, more: { history?: StatusHistory; limit?: number } = {}, page = PAGE): string[] =>
  statusLines({ workflowId: 'shop', status: sampleStatus(changes), now: NOW, ...more }, page)
const text = (...parts: Parameters<typeof lines>): string => lines(...parts).join('\n')

const COPYING: Partial<Status> = {
  durations: { precheck: 1200, schema: 800 },
  phaseStartedAt: '2026-01-02T03:03:10.000Z',
  rate: 35_000,
  eta: 125,
  copying: [{ table: 'shop.orders', rows: '70', bytes: '4200', total: '10000', rate: 58 }],
  building: [{ table: 'shop.users', index: 'users_pkey', phase: 'building index: scanning table', percent: 30 }],
}

test('while tables are copied: the phases with their times, the volume, tables in flight and indexes', () => {
  assert.deepEqual(lines(COPYING), [
    'shop: running in phase full, as of 2026-01-02 03:04:05 UTC, 10 s ago',
    '',
    '  ✔ Precheck                          1.2 s',
    '  ✔ Schema                            0.8 s',
    '  ▶ Full data                     1 min 5 s',
    '  · Foreign keys and triggers',
    '  · Incremental replication',
    '  · Cutover',
    '',
    `  ${'█'.repeat(12)}${'░'.repeat(48)} 20 %`,
    '  5 of 25 tables, 1,234,567 rows, 20.0 MB of about 100 MB',
    '  35,000 rows/s, about 2 min 5 s left, indexes included',
    '',
    'Being copied',
    '  shop.orders  ████████▍░░░░░░░░░░░  42 %  4.2 kB of 10.0 kB  70 rows  58 bytes/s  1 min 40 s left',
    '',
    'Being built',
    '  users_pkey of shop.users  ██████░░░░░░░░░░░░░░  30 %  building index: scanning table',
  ])
})

test('when all is copied the rates of the copy are over, the time for indexes is not', () => {
  const done = { tables: { total: 25, copied: 25 }, bytes: { total: '90', copied: '100' } }
  assert.match(text({ ...COPYING, ...done }), /█ 100 %\n {2}25 of 25 tables.*\n {2}about 2 min 5 s left, indexes included\n/)
})

test('no line is wider than the terminal, whatever the names', () => {
  const long = '名前'.repeat(40)
  const copying = [{ table: long, rows: '9223372036854775807', bytes: '9223372036854775807', total: '1', rate: 1e15 }]
  const warnings = { total: 1, items: [long] }
  const errors = { total: 1, items: [{ at: '2026-01-02T03:04:05.000Z', type: 'Internal', message: long }] }
  const slot = { name: 'dts_sync_0123456789abcdef', startLsn: null, appliedLsn: '0/1', confirmedLsn: null, retainedBytes: '123456789' }
  for (const width of [80, 110, 200]) {
    for (const line of lines({ ...COPYING, copying, warnings, errors, slot }, {}, { ...PAGE, width }))
      assert.ok(textWidth(line) <= width, line)
  }
})

test('an outage says since when, until when, and how long that is', () => {
  const source = { state: 'reconnecting', lostAt: '2026-01-02T03:00:00.000Z', deadline: '2026-01-02T15:00:00.000Z' } as const
  const connection = { source, target: { state: 'connected' } as const }
  const shown = text({ state: 'reconnecting', connection }, {}, { ...PAGE, width: 300 })
  const expected =
    /The source can't be reached since 2026-01-02 03:00:00 UTC \(4 min 15 s\)\. pgmove tries again by itself until 2026-01-02 15:00:00 UTC \(11 h 55 min left\)\./
  assert.match(shown, expected)
})

test('what waits comes with its reason and the commands that go on', () => {
  const waits = [{ kind: 'UnsupportedDdl', message: 'A column is new.', table: { schema: 'shop', table: 'Order "x"' } }]
  const shown = text({ phase: 'incremental', state: 'waiting', waits })
  assert.match(shown, /It waits for you\.\nUnsupportedDdl: A column is new\.\nGo on with:\n {2}pgmove resume shop /)
  assert.match(shown, /pgmove resolve shop --table .* --with copyAgain/)
})

test('the lag comes with its history and what to do next', () => {
  const history = new StatusHistory()
  const behind = (seconds: number): Status => sampleStatus({ lag: { bytes: '100', seconds } })
  history.add(sampleStatus(), -5000)
  for (const [index, seconds] of [1, 4, 2].entries()) history.add(behind(seconds), index * 5000)
  const shown = text({ phase: 'incremental', undelayed: true, lag: { bytes: '2000', seconds: 0.4 } }, { history })
  assert.match(shown, /Lag +2\.0 kB, 0\.4 s behind the source, undelayed\n +▃█▅ {2}15 s, at most 4\.0 s/)
  assert.match(shown, /stop the application's writes: {2}pgmove cutover shop$/)
  assert.match(text({ phase: 'incremental', undelayed: true, cutoverRequested: true }), /A cutover was asked for/)
  assert.match(text({ phase: 'incremental', state: 'paused' }), /Go on: {2}pgmove resume shop$/)
  assert.match(text({ phase: 'done', state: 'completed' }), /pgmove report shop$/)
})

test('a fence that stands is shown with what lifts it', () => {
  assert.match(
    text({ phase: 'cutover', fence: { statements: ['alter database a reset b'] } }),
    /By hand this lifts it: alter database a reset b/,
  )
})

test('phases that a migration never came to have no mark of success', () => {
  const shown = text({ phase: 'done', state: 'completed', durations: { precheck: 1, schema: 1, full: 1, constraints: 1 } })
  assert.match(shown, /✔ Foreign keys[^]*– Incremental replication\n {2}– Cutover/)
  assert.match(text({ phase: 'full', state: 'failed' }), /✖ Full data\n/)
})

test('a long list is cut, and says so', () => {
  const warnings = { total: 60, items: Array.from({ length: 50 }, (_, index) => `warning ${index}`) }
  assert.match(text({ warnings }, { limit: 3 }), /! warning 2\n {2}and 57 more/)
})

test('what the history does not know is a gap; a copy that begins anew has no rate', () => {
  const history = new StatusHistory()
  history.add(sampleStatus({ lag: { bytes: '0', seconds: 3 } }), 0)
  history.add(sampleStatus({ lag: { bytes: '0', seconds: 5 } }), 1000)
  history.add(undefined, 6000)
  history.add(sampleStatus({ lag: { bytes: '0', seconds: 1 } }), 20_000)
  assert.deepEqual(history.lags, [5, null, null, null, 1])

  const copied = (asOf: number, bytes: number): Status =>
    sampleStatus({ asOf: new Date(asOf).toISOString(), bytes: { total: '1000', copied: String(bytes) } })
  const rates = new StatusHistory()
  rates.add(copied(0, 100), 0)
  assert.equal(rates.byteRate, undefined)
  rates.add(copied(10_000, 600), 0)
  rates.add(copied(10_000, 600), 0)
  assert.equal(rates.byteRate, 50)
  rates.add(copied(60_000, 1600), 0)
  assert.equal(rates.byteRate, 20)
  rates.add(copied(70_000, 10), 0)
  assert.equal(rates.byteRate, undefined)
})

test('bars and charts', () => {
  assert.deepEqual([progressBar(0, 4), progressBar(0.5, 4), progressBar(0.999, 4), progressBar(2, 4)], ['░░░░', '██░░', '███▉', '████'])
  assert.equal(progressBar(NaN, 2), '░░')
  assert.deepEqual([spanBar(0, 0, 4), spanBar(0.5, 1, 4), spanBar(1, 1, 4)], ['█···', '··██', '···█'])
  assert.equal(sparkline([9, 0, 1, null, 2], 4, 1), '▁▅ █')
  assert.equal(sparkline([0.1, 0.2], 4, 1), '▁▂')
})

test('while Temporal or the worker is away, the last that was known stays, and it is said', () => {
  const watched = new WatchedMigration('shop')
  const facts = {
    workflowId: 'shop',
    runId: 'r',
    firstRunId: 'r',
    workflow: 'RUNNING',
    taskQueue: 'q',
    startedAt: '',
    closedAt: null,
    activities: [],
  } as const
  watched.add({ kind: 'status', facts, status: sampleStatus(COPYING) }, NOW)
  watched.add({ kind: 'absent', reason: 'Temporal does not answer: refused\nTry again.', since: new Date(NOW + 1000) }, NOW + 1000)
  const shown = watched.lines(PAGE, 6, NOW + 21_000).join('\n')
  assert.match(
    shown,
    /^No answer since 2026-01-02 03:04:16 UTC \(20 s\); asked again and again\. Temporal does not answer: refused\n\nshop: running in phase full/,
  )
  watched.add({ kind: 'status', facts, status: sampleStatus({ state: 'paused' }) }, NOW + 22_000)
  assert.match(watched.lines(PAGE, 6, NOW + 22_000).join('\n'), /^shop: paused/)
})

test('a line of a log is new only when something has happened', () => {
  const status = sampleStatus()
  assert.equal(statusLine(status), 'full, 5 of 25 tables, 1,234,567 rows, 20.0 MB')
  assert.equal(statusKey(status), statusKey(sampleStatus({ rows: '2000000', tables: { total: 25, copied: 6 } })))
  assert.notEqual(statusKey(status), statusKey(sampleStatus({ tables: { total: 25, copied: 10 } })))
  assert.notEqual(statusKey(status), statusKey(sampleStatus({ state: 'paused' })))
})

test('a screen shows what there is room for, and gives the terminal back', () => {
  let written = ''
  const listeners = new Set<() => void>()
  const stream = {
    write: (part: string) => (written += part),
    rows: 4,
    columns: 10,
    on: (_: 'resize', listener: () => void) => listeners.add(listener),
    off: (_: 'resize', listener: () => void) => listeners.delete(listener),
  }
  const screen = new Screen(stream)
  screen.draw(['one', 'a line that is too wide', 'three', 'four'])
  const drawn = written.split('\u001B[H')[1] ?? ''
  assert.deepEqual(stripVTControlCharacters(drawn).split('\r\n'), ['one', 'a line th…', '… 2 more …', ''])
  let resized = 0
  const forget = screen.onResize(() => resized++)
  for (const listener of listeners) listener()
  forget()
  assert.deepEqual([resized, listeners.size], [1, 0])
  screen.close()
  assert.ok(written.endsWith('\u001B[?25h\u001B[?1049l'))
})
