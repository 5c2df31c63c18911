import assert from 'node:assert/strict'
import test from 'node:test'
import { parseSnapshot, visibleIn } from '../../src/replication/snapshot.ts'

test('parses what txid_current_snapshot prints', () => {
  assert.deepEqual(parseSnapshot('727:727:'), { xmin: 727n, xmax: 727n, xip: new Set() })
  assert.deepEqual(parseSnapshot('18446744073709551000:18446744073709551009:18446744073709551000,18446744073709551004'), {
    xmin: 18446744073709551000n,
    xmax: 18446744073709551009n,
    xip: new Set([18446744073709551000n, 18446744073709551004n]),
  })
})

test('refuses what is no snapshot', () => {
  for (const text of ['', '1:2', '1:2:3', '2:1:', '1:2:1,', '1:2:,1', ' 1:2:', '1:2:1 ', '-1:2:', '5:9:4', '1:2:\n']) {
    assert.throws(() => parseSnapshot(text), RangeError, text)
  }
})

test('sees what is over and neither running nor later', () => {
  const snapshot = parseSnapshot('10:15:10,13')
  const visible = [9n, 10n, 11n, 12n, 13n, 14n, 15n, 16n].filter((xid) => visibleIn(snapshot, xid))
  assert.deepEqual(visible, [9n, 11n, 12n, 14n])
})
