import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MigrationError } from '../../src/errors/migration-error.ts'
import { PgoutputDecoder } from '../../src/replication/pgoutput-decoder.ts'
import type { ReplicaIdentity } from '../../src/replication/pgoutput-message.ts'
import { Tuple, UNCHANGED } from '../../src/replication/tuple.ts'
import type { TupleValue } from '../../src/replication/tuple.ts'

const int16 = (value: number) => Buffer.from([(value >> 8) & 255, value & 255])
const int32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value | 0)
  return bytes
}
const int64 = (value: bigint) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt.asIntN(64, value))
  return bytes
}
const text = (value: string) => Buffer.from(`${value}\0`)
const message = (type: string, ...fields: Buffer[]) => Buffer.concat([Buffer.from(type), ...fields])
const tuple = (values: readonly TupleValue[]) =>
  Buffer.concat([
    int16(values.length),
    ...values.map((value) => {
      if (value === null) return Buffer.from('n')
      return value === UNCHANGED ? Buffer.from('u') : Buffer.concat([Buffer.from('t'), int32(value.length), value])
    }),
  ])
const relation = (id: number, columns: readonly string[], identity: ReplicaIdentity = 'd', schema = 'public', table = 'straße') =>
  message(
    'R',
    int32(id),
    text(schema),
    text(table),
    Buffer.from(identity),
    int16(columns.length),
    ...columns.flatMap((name, i) => [Buffer.from([i === 0 ? 1 : 0]), text(name), int32(25 + i), int32(-1)]),
  )

const ID = 0xfffffff0
function decoder(columns: readonly string[] = ['id', 'naïve'], position?: () => bigint) {
  const made = new PgoutputDecoder(position)
  made.decode(relation(ID, columns))
  return made
}

test('decodes BEGIN, COMMIT, ORIGIN and TYPE', () => {
  const decoder = new PgoutputDecoder()
  const time = 631_152_000_000_001n
  assert.deepEqual(decoder.decode(message('B', int64(0xffffffff_ffffffffn), int64(time), int32(0xffffffff))), {
    type: 'begin',
    finalLsn: 0xffffffff_ffffffffn,
    xid: 0xffffffff,
  })
  assert.deepEqual(decoder.decode(message('C', Buffer.from([0]), int64(0x1_00000010n), int64(0x1_00000040n), int64(time))), {
    type: 'commit',
    commitLsn: 0x1_00000010n,
    endLsn: 0x1_00000040n,
  })
  for (const lsn of [0n, 1n, 0x1f_ffff_ffffffffn, 0x20_0000_00000000n, 0x20_0000_00000001n]) {
    const found = decoder.decode(message('B', int64(lsn), int64(time), int32(1)))
    assert.ok(found.type === 'begin' && found.finalLsn === lsn)
  }
  assert.deepEqual(decoder.decode(message('O', int64(7n), text('elsewhere'))), { type: 'origin', commitLsn: 7n, name: 'elsewhere' })
  assert.deepEqual(decoder.decode(message('Y', int32(99), text(''), text('mood'))), {
    type: 'type',
    oid: 99,
    schema: 'pg_catalog',
    name: 'mood',
  })
})

test('decodes RELATION with UTF-8 names and the key columns', () => {
  assert.deepEqual(new PgoutputDecoder().decode(relation(ID, ['id', 'naïve'], 'i')), {
    type: 'relation',
    id: ID,
    schema: 'public',
    table: 'straße',
    replicaIdentity: 'i',
    columns: [
      { key: true, name: 'id', typeOid: 25, typmod: -1 },
      { key: false, name: 'naïve', typeOid: 26, typmod: -1 },
    ],
  })
})

test('a row refers to its relation as it was described last before it', () => {
  const decoding = decoder()
  const before = decoding.decode(message('I', int32(ID), Buffer.from('N'), tuple([null, null])))
  decoding.decode(relation(ID, ['id', 'naïve', 'new']))
  const after = decoding.decode(message('I', int32(ID), Buffer.from('N'), tuple([null, null, null])))
  assert.ok(before.type === 'insert' && after.type === 'insert')
  assert.equal(before.relation.columns.length, 2)
  assert.equal(after.relation.columns.length, 3)
})

test('decodes the forms of UPDATE and DELETE', () => {
  const key = [Buffer.from('1'), null]
  const row: TupleValue[] = [Buffer.from('2'), UNCHANGED]
  const shape = (...fields: Buffer[]) => {
    const { relation: of, ...rest } = decoder().decode(message(fields.length === 2 ? 'D' : 'U', int32(ID), ...fields)) as {
      relation?: { id: number }
      new?: Tuple
      old?: Tuple | null
    }
    const values = Object.entries(rest).map(([name, field]) => [name, field instanceof Tuple ? field.values() : field] as const)
    return { ...Object.fromEntries(values), of: of?.id }
  }
  const update = { type: 'update', of: ID, new: row }
  assert.deepEqual(shape(Buffer.from('N'), tuple(row), Buffer.alloc(0)), { ...update, oldKind: null, old: null })
  assert.deepEqual(shape(Buffer.from('K'), tuple(key), Buffer.from('N'), tuple(row)), { ...update, oldKind: 'K', old: key })
  assert.deepEqual(shape(Buffer.from('O'), tuple(key), Buffer.from('N'), tuple(row)), { ...update, oldKind: 'O', old: key })
  assert.deepEqual(shape(Buffer.from('K'), tuple(key)), { type: 'delete', of: ID, oldKind: 'K', old: key })
  assert.deepEqual(shape(Buffer.from('O'), tuple(key)), { type: 'delete', of: ID, oldKind: 'O', old: key })
})

test('decodes TRUNCATE of several relations and logical messages', () => {
  const decoding = decoder()
  decoding.decode(relation(5, ['a'], 'n', 'other', 't'))
  const truncate = decoding.decode(message('T', int32(2), Buffer.from([3]), int32(ID), int32(5)))
  assert.ok(truncate.type === 'truncate')
  assert.deepEqual([truncate.relations.map((r) => r.table), truncate.cascade, truncate.restartIdentity], [['straße', 't'], true, true])
  const logical = decoding.decode(message('M', Buffer.from([1]), int64(9n), text('pgmove'), int32(2), Buffer.from([0, 255])))
  assert.deepEqual(logical, { type: 'message', transactional: true, lsn: 9n, prefix: 'pgmove', content: Buffer.from([0, 255]) })
})

const value = fc.oneof(
  fc.constant<TupleValue>(null),
  fc.constant<TupleValue>(UNCHANGED),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
)

test('keeps every byte of every row', () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 30 }), fc.array(value, { maxLength: 30 }), (values, more) => {
      const columns = values.map((_, i) => `c${i}`)
      const old = values.map((_, i) => more[i] ?? null)
      const update = decoder(columns).decode(message('U', int32(ID), Buffer.from('O'), tuple(old), Buffer.from('N'), tuple(values)))
      assert.ok(update.type === 'update')
      assert.deepEqual(update.new.values(), values)
      assert.deepEqual(update.old?.values(), old)
    }),
  )
})

test('a broken message is an error that names its type and position, whatever the bytes', () => {
  const good = message(
    'U',
    int32(ID),
    Buffer.from('K'),
    tuple([Buffer.from('secret'), null]),
    Buffer.from('N'),
    tuple([Buffer.from('secret'), null]),
  )
  const decode = (chunk: Buffer) => decoder(undefined, () => 0x16_b374d848n).decode(chunk)
  for (let length = 0; length < good.length; length++) {
    assert.throws(
      () => decode(good.subarray(0, length)),
      (error: unknown) => {
        assert.ok(error instanceof MigrationError)
        assert.equal(error.kind, 'Internal')
        assert.equal(error.lsn, '16/B374D848')
        assert.match(error.message, length === 0 ? /type none/ : /type "U"\) at 16\/B374D848/)
        assert.doesNotMatch(error.message, /secret/)
        return true
      },
    )
  }
  assert.throws(() => decode(Buffer.concat([good, Buffer.from('x')])), /1 bytes too many/)
  assert.throws(() => decode(message('I', int32(1), Buffer.from('N'), tuple([]))), /relation 1, which was not described/)
  assert.throws(() => decode(message('I', int32(ID), Buffer.from('N'), tuple([null]))), /a row of 1 values for 2 columns/)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(...'BCORYIUDTM'), (bytes, type) => {
      try {
        decode(Buffer.concat([Buffer.from(type), bytes]))
      } catch (error) {
        assert.ok(error instanceof MigrationError)
      }
    }),
  )
})
