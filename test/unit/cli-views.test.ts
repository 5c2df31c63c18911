import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attention, attentionLines } from '../../src/cli/attention.ts'
import { News } from '../../src/cli/news.ts'
import { styleFor } from '../../src/cli/style.ts'
import { textWidth } from '../../src/cli/text-width.ts'
import { connectionLines, precheckLines } from '../../src/cli/views/check-lines.ts'
import { beforeCutoverLines } from '../../src/cli/views/cutover-lines.ts'
import { validationLines } from '../../src/cli/views/validation-lines.ts'
import { initialState, statusOf } from '../../src/workflows/migration-state.ts'
import type { MigrationState } from '../../src/workflows/migration-state.ts'
import type { PrecheckResult, Status } from '../../src/workflows/status.ts'

const PAGE = { style: styleFor('never', false, {}), width: 80 }

function status(changes: Partial<MigrationState>): Status {
  return statusOf({ ...initialState(0), ...changes })
}

const passed = {
  name: 'versions',
  status: 'Passed',
  found: 'source 13, target 17',
  expected: '',
  fix: '',
  objects: [],
  objectCount: 0,
} as const
const identity = {
  name: 'replica_identity',
  status: 'Warning',
  found: '12 have none',
  expected: 'each has one',
  fix: 'Give them a primary key.',
  objects: ['"public"."a"', '"public"."b"'],
  objectCount: 12,
} as const
const PRECHECK: PrecheckResult = { status: 'Warning', items: [identity, passed] }

test('a precheck shows what was found and what to do; what passed is counted, or shown', () => {
  assert.deepEqual(precheckLines(PRECHECK, { all: false, ignoreWarnings: false }, PAGE), [
    '✔ Precheck: 1 item passed',
    '',
    '! replica_identity (Warning)',
    '    Found: 12 have none',
    '    Expected: each has one',
    '    Objects: "public"."a", "public"."b" and 10 more',
    '    Do: Give them a primary key.',
  ])
  const all = precheckLines(PRECHECK, { all: true, ignoreWarnings: ['replica_identity'] }, PAGE)
  assert.ok(all.includes('    ✔  versions  source 13, target 17'))
  assert.ok(all.includes('! replica_identity (Warning, ignored)'))
})

test('of a connection its server is told, and of one that fails every step', () => {
  const step = (check: string, state: 'Passed' | 'Failed', fix = '') => ({ check, status: state, found: `${check} found`, fix })
  const lines = connectionLines(
    {
      source: { status: 'Passed', diagnosis: [step('tcp', 'Passed'), step('version', 'Passed')] },
      target: { status: 'Failed', diagnosis: [step('tcp', 'Passed'), step('authentication', 'Failed', 'Set the password.')] },
    },
    false,
    PAGE,
  )
  assert.deepEqual(lines, [
    '✔ Source: version found; 2 steps passed',
    '✖ Target: no connection comes about',
    '    ✔  tcp             tcp found',
    '    ✖  authentication  authentication found',
    '    authentication: Set the password.',
  ])
})

test('who waits says why, and which commands go on, to be pasted as they stand', () => {
  assert.equal(attention(status({}), 'shop'), undefined)
  const waits = [{ kind: 'RejectedByTarget', message: 'A row was refused.', table: { schema: 'public', table: "it's.odd" } }]
  const wanted = attention(status({ phase: 'incremental', waits }), 'my shop')
  assert.ok(wanted)
  const lines = attentionLines(wanted)
  assert.deepEqual(lines.slice(0, 2), ['RejectedByTarget: A row was refused.', 'Go on with:'])
  assert.deepEqual(
    lines.slice(2).map((line) => line.split(/ +# /)),
    [
      ["  pgmove resume 'my shop'", 'when the cause is mended'],
      [`  pgmove resolve 'my shop' --table 'public."it'\\''s.odd"' --with copyAgain`, 'to copy the table anew'],
      [`  pgmove resolve 'my shop' --table 'public."it'\\''s.odd"' --with leaveOut`, 'to go on without the table'],
    ],
  )
  assert.equal(new Set(lines.slice(2).map((line) => line.indexOf('#'))).size, 1)
  const found = attention(status({ waits: [{ kind: 'PrecheckFailed', message: '' }], precheck: PRECHECK }), 'shop')
  assert.deepEqual(
    found?.commands.map(({ command }) => command),
    ['pgmove rerun-precheck shop', 'pgmove rerun-precheck shop --ignore-warnings'],
  )
  const failed: PrecheckResult = { status: 'Failed', items: [{ ...identity, status: 'Failed' }] }
  assert.equal(attention(status({ waits: [{ kind: 'PrecheckFailed', message: '' }], precheck: failed }), 'shop')?.commands.length, 1)
})

test('before a cutover it is said what remains and who stops the writes', () => {
  const behind = status({ phase: 'incremental', lag: { bytes: '12000', seconds: 75 }, warnings: ['old transactions'] })
  const lines = beforeCutoverLines('shop', behind, { fence: 'none', validate: 'counts' })
  assert.deepEqual(lines.slice(0, 3), [
    'shop is in phase incremental, running.',
    'It is 12.0 kB and 1 min 15 s behind the source: the cutover waits until it has caught up.',
    'Warning: old transactions',
  ])
  assert.match(lines.at(-1) ?? '', /stop it first/)
  const fenced = beforeCutoverLines('shop', status({ phase: 'full' }), { fence: 'readOnly', validate: 'none' }).join('\n')
  assert.match(fenced, /The cutover waits until incremental replication is undelayed\.\n.*becomes read-only.*\nNo rows are counted/s)
})

test('a comparison tells what differs in columns that stand straight', () => {
  const difference = { kind: 'column', object: 'public.orders.id', attribute: 'type', source: 'bigint', target: null }
  const lines = validationLines(
    {
      metadata: { status: 'Failed', compared: { table: 2 }, differences: [difference], total: 1, notCompared: { total: 0, items: [] } },
      data: {
        status: 'Passed',
        method: 'checksum',
        tables: 1,
        rows: '1',
        bytes: '1500',
        differing: { total: 0, items: [] },
        notCompared: { total: 1, items: [{ object: '"a"."b"', reason: 'no text' }] },
        kept: null,
      },
    },
    PAGE,
  )
  assert.deepEqual(lines, [
    'Definitions: Failed. 2 objects compared, 1 difference.',
    'KIND    OBJECT            ATTRIBUTE  SOURCE  TARGET',
    'column  public.orders.id  type       bigint  missing',
    '',
    'Rows: Passed. 1 row (1.5 kB) of 1 table compared by checksum, 0 differing.',
    'Not compared: "a"."b": no text',
  ])
  assert.ok(lines.every((line) => textWidth(line) <= 80))
})

test('of statuses only what is new is told', () => {
  const error = (type: string) => ({ at: '', type, message: 'again' })
  const news = new News()
  assert.deepEqual(news.of(status({ warnings: ['a'], errors: [error('Old')], errorTotal: 60 })), ['warning: a'])
  assert.deepEqual(news.of(status({ warnings: ['a', 'b'], errors: [error('Old'), error('New')], errorTotal: 61 })), [
    'warning: b',
    'New: again',
  ])
  assert.deepEqual(news.of(status({ warnings: ['b'], errors: [error('Old'), error('New')], errorTotal: 61 })), [])
})
