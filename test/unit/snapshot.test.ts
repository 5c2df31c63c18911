import assert from 'node:assert/strict'
import test from 'node:test'
import { normalSnapshot, parseSnapshot, visibleIn } from '../../src/replication/snapshot.ts'

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

test("a slot's first snapshot with xmin above xmax means the same as the normal one", () => {
  assert.equal(normalSnapshot('1641:1638:'), '1641:1641:')
  assert.equal(normalSnapshot('10:20:11,12'), '10:20:11,12')
  assert.equal(normalSnapshot('7:7:'), '7:7:')
  const normal = parseSnapshot(normalSnapshot('1641:1638:'))
  // XidInMVCCSnapshot: below xmin visible, from xmax on not; between xmax and xmin the first test decides.
  for (const xid of [1n, 1637n, 1638n, 1639n, 1640n]) assert.equal(visibleIn(normal, xid), true)
  for (const xid of [1641n, 1642n]) assert.equal(visibleIn(normal, xid), false)
  assert.throws(() => normalSnapshot('x'), RangeError)
})
