import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rowCounter } from '../../src/copy/row-counter.ts'

function number(value: number, bytes: 2 | 4): Buffer {
  const buffer = Buffer.alloc(bytes)
  if (bytes === 2) buffer.writeInt16BE(value)
  else buffer.writeInt32BE(value)
  return buffer
}

const header = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), number(0, 4), number(3, 4), Buffer.from('ext')])
const row = (fields: readonly (Buffer | null)[]): Buffer =>
  Buffer.concat([number(fields.length, 2), ...fields.flatMap((field) => (field ? [number(field.length, 4), field] : [number(-1, 4)]))])

test('rows of the binary format are counted wherever the pieces end', () => {
  const rows = [
    row([Buffer.from('\n\n'), null, Buffer.alloc(300, 255)]),
    row([]),
    row([null]),
    row([Buffer.alloc(0), Buffer.alloc(70_000, 1)]),
    row([Buffer.alloc(2, 255)]),
  ]
  const all = Buffer.concat([header, ...rows, number(-1, 2)])
  for (const size of [1, 2, 3, 5, 7, 64, 1000, all.length]) {
    const count = rowCounter('binary')
    let counted = 0
    for (let at = 0; at < all.length; at += size) counted += count(all.subarray(at, at + size))
    assert.equal(counted, rows.length, `pieces of ${size} bytes`)
  }
})

test('no row is counted before its last byte', () => {
  const count = rowCounter('binary')
  const one = row([Buffer.from('ab'), Buffer.from('cd')])
  assert.equal(count(Buffer.concat([header, one.subarray(0, one.length - 1)])), 0)
  assert.equal(count(one.subarray(one.length - 1)), 1)
})

test('rows of the text format are counted by their newlines', () => {
  const count = rowCounter('text')
  assert.equal(count(Buffer.from('a\tb\nc\\n')), 1)
  assert.equal(count(Buffer.from('d\n')), 1)
})
