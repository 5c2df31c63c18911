import assert from 'node:assert/strict'
import test from 'node:test'
import { silentlyNarrower } from '../../src/replication/column-fit.ts'

const [INT4, INT8, FLOAT4, FLOAT8, VARCHAR, DATE, TIMESTAMP, TIMESTAMPTZ, NUMERIC] = [23, 20, 700, 701, 1043, 1082, 1114, 1184, 1700]
const plain = (typeOid: number) => ({ typeOid, typmod: -1 })
const numeric = (precision: number, scale: number) => ({ typeOid: NUMERIC, typmod: ((precision << 16) | (scale & 0x7ff)) + 4 })
const timestamp = (typmod: number) => ({ typeOid: TIMESTAMP, typmod })

test('a target that would round or cut values silently is found', () => {
  assert.ok(silentlyNarrower(plain(NUMERIC), numeric(10, 2)))
  assert.ok(silentlyNarrower(numeric(10, 4), numeric(10, 2)))
  assert.ok(silentlyNarrower(numeric(10, 0), numeric(10, -2)))
  assert.ok(silentlyNarrower(plain(TIMESTAMP), timestamp(3)))
  assert.ok(silentlyNarrower(timestamp(6), timestamp(3)))
  assert.ok(silentlyNarrower(plain(FLOAT8), plain(FLOAT4)))
  assert.ok(silentlyNarrower(plain(TIMESTAMP), plain(DATE)))
  assert.ok(silentlyNarrower(plain(TIMESTAMPTZ), plain(TIMESTAMP)))
})

test('the same or a wider type takes every value, and one that refuses needs no test', () => {
  assert.ok(!silentlyNarrower(numeric(10, 2), numeric(12, 4)))
  assert.ok(!silentlyNarrower(numeric(10, 2), numeric(10, 2)))
  assert.ok(!silentlyNarrower(numeric(10, -2), numeric(10, 2)))
  assert.ok(!silentlyNarrower(numeric(10, 2), plain(NUMERIC)))
  assert.ok(!silentlyNarrower(timestamp(3), plain(TIMESTAMP)))
  assert.ok(!silentlyNarrower(plain(INT4), plain(INT8)))
  assert.ok(!silentlyNarrower(plain(INT8), plain(INT4)))
  assert.ok(!silentlyNarrower(plain(VARCHAR), { typeOid: VARCHAR, typmod: 14 }))
})
