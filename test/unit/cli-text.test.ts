import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesText, countText, durationText } from '../../src/cli/amounts.ts'
import { columns } from '../../src/cli/columns.ts'
import { styleFor } from '../../src/cli/style.ts'
import { padded, shortened, textWidth, wrapped } from '../../src/cli/text-width.ts'

test('a text takes the columns that a terminal gives it', () => {
  assert.equal(textWidth('orders'), 6)
  assert.equal(textWidth('注文'), 4)
  assert.equal(textWidth('e\u0301'), 1)
  assert.equal(textWidth('👩‍👧'), 2)
  assert.equal(textWidth('\u001b[31mred\u001b[39m'), 3)
  assert.equal(padded('注文', 6), '注文  ')
  assert.equal(shortened('注文明細', 5), '注文…')
  assert.equal(shortened('orders', 6), 'orders')
})

test('lines break between words, inside a long one, and keep nothing that steers the terminal', () => {
  assert.deepEqual(wrapped('grant select on orders', 12), ['grant select', 'on orders'])
  assert.deepEqual(wrapped('注文明細の表', 5), ['注文', '明細', 'の表'])
  assert.deepEqual(wrapped('a\nb', 10), ['a', 'b'])
  assert.deepEqual(wrapped('a\u001b[2Jb', 10), ['a\uFFFD[2Jb'])
  assert.deepEqual(wrapped('', 10), [''])
  assert.deepEqual(wrapped('  indented text', 11), ['  indented', 'text'])
})

test('columns fit the width by wrapping the widest, so that nothing is cut off', () => {
  const lines = columns([['a', 'one two three four five', 'x']], { width: 24, header: ['ID', 'TEXT', 'END'] })
  assert.deepEqual(lines, ['ID  TEXT             END', 'a   one two three    x', '    four five'])
  const narrow = columns([['a'.repeat(30), 'b']], { width: 20 })
  assert.equal(narrow.map((line) => line.slice(0, 17).trimEnd()).join(''), 'a'.repeat(30))
})

test('wide characters and colours leave the columns straight', () => {
  const red = (text: string): string => `\u001b[31m${text}\u001b[39m`
  const lines = columns([[{ text: '注文', paint: red }, 'x'], ['orders', 'y']], { width: 40 }) // prettier-ignore
  assert.deepEqual(lines, ['\u001b[31m注文\u001b[39m    x', 'orders  y'])
})

test('colours only where somebody sees them and wants them', () => {
  const coloured = (choice: 'auto' | 'always' | 'never', terminal: boolean, env = {}): boolean =>
    styleFor(choice, terminal, env).bad('x') !== 'x'
  assert.equal(coloured('auto', true), true)
  assert.equal(coloured('auto', false), false)
  assert.equal(coloured('auto', true, { NO_COLOR: '1' }), false)
  assert.equal(coloured('auto', true, { TERM: 'dumb' }), false)
  assert.equal(coloured('always', false, { NO_COLOR: '1' }), true)
  assert.equal(coloured('never', true), false)
})

test('amounts as people read them', () => {
  assert.deepEqual(['0', '999', '1000', '123456789', '9007199254740993000'].map(bytesText), [
    '0 bytes',
    '999 bytes',
    '1.0 kB',
    '123 MB',
    '9007 PB',
  ])
  assert.deepEqual([0.812, 12.4, 60, 185, 7800, 273_600].map(durationText), [
    '0.8 s',
    '12 s',
    '1 min',
    '3 min 5 s',
    '2 h 10 min',
    '3 d 4 h',
  ])
  assert.equal(countText('9007199254740993'), '9,007,199,254,740,993')
})
