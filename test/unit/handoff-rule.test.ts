import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { alreadyCopied, widenXid } from '../../src/replication/handoff-rule.ts'
import type { CopiedUnit, StreamedTransaction } from '../../src/replication/handoff-rule.ts'
import { parseSnapshot } from '../../src/replication/snapshot.ts'
import { commands, simulate } from './handoff-model.ts'

/** How many of `runs` random histories end with a row that is missing or doubled. */
function wrongHistories(runs: number, skip: (transaction: StreamedTransaction, copied: CopiedUnit) => boolean, guarded = true): string[] {
  const wrong: string[] = []
  for (const history of fc.sample(commands, { numRuns: runs, seed: 20_260 })) {
    const problems = simulate(history, skip, guarded)
    if (problems.length > 0) wrong.push(...problems)
  }
  return wrong
}

test('copy and stream together hold each committed row exactly once, whatever the interleaving', () => {
  fc.assert(
    fc.property(commands, (history) => assert.deepEqual(simulate(history, alreadyCopied, true), [])),
    { numRuns: 5000 },
  )
})

test('the model finds what an LSN rule does: it loses or doubles rows', () => {
  const lost = wrongHistories(3000, (transaction, copied) => transaction.finalLsn < copied.lsn)
  assert.ok(lost.some((problem) => problem.startsWith('lost')))
})

test('the model finds what a copy before the guard does: it loses the hanging commit', () => {
  const lost = wrongHistories(3000, alreadyCopied, false)
  assert.ok(lost.some((problem) => problem.startsWith('lost')))
})

test('the model finds what an xid that is not widened does', () => {
  const wrong = wrongHistories(3000, (transaction, copied) => {
    const { xmin, xmax, xip } = copied.snapshot
    const low = (xid: bigint) => BigInt.asUintN(32, xid)
    const xid = BigInt(transaction.xid)
    return transaction.finalLsn < copied.lsn && (xid < low(xmin) || (xid < low(xmax) && ![...xip].some((running) => low(running) === xid)))
  })
  assert.ok(wrong.length > 0)
})

test('widens to the nearest id, across the end of 32 bits in both directions', () => {
  assert.equal(widenXid(0xfffffffe, 0x1_00000003n), 0xfffffffen)
  assert.equal(widenXid(0x00000001, 0xfffffff0n), 0x1_00000001n)
  assert.equal(widenXid(0x00000005, 0x7_00000005n), 0x7_00000005n)
  fc.assert(
    fc.property(fc.bigInt(1n << 33n, 1n << 62n), fc.bigInt(-(1n << 31n), (1n << 31n) - 1n), (near, distance) => {
      assert.equal(widenXid(Number(BigInt.asUintN(32, near + distance)), near), near + distance)
    }),
  )
})

test('a commit record at or behind the copy is applied, whatever its id', () => {
  const copied = { snapshot: parseSnapshot('735:740:737'), lsn: 1000n }
  const skipped = (xid: number, finalLsn: bigint) => alreadyCopied({ xid, finalLsn }, copied)
  assert.equal(skipped(700, 1000n), false)
  assert.equal(skipped(700, 999n), true)
  assert.equal(skipped(736, 999n), true)
  assert.equal(skipped(737, 999n), false)
  assert.equal(skipped(740, 999n), false)
})
