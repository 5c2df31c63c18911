import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { parseArchiveToc } from '../../src/schema/archive-toc.ts'
import type { TocEntry } from '../../src/schema/archive-toc.ts'

/** Writes archives as WriteHead and WriteToc of pg_backup_archiver.c do, without data. */
function writeArchive(entries: readonly TocEntry[], minor: number, intSize = 4): Buffer {
  const parts: Buffer[] = []
  const bytes = (...values: number[]) => parts.push(Buffer.from(values))
  const int = (value: number) => {
    const data = Buffer.alloc(intSize + 1)
    data.writeUInt8(value < 0 ? 1 : 0)
    data.writeUIntLE(Math.abs(value), 1, intSize)
    parts.push(data)
  }
  const text = (value: string | null) => {
    if (value === null) return int(-1)
    int(Buffer.byteLength(value))
    parts.push(Buffer.from(value))
  }
  parts.push(Buffer.from('PGDMP'))
  bytes(1, minor, 0, intSize, 8, 1)
  if (minor >= 15) bytes(0)
  else int(-1)
  for (let i = 0; i < 7; i++) int(i)
  for (const value of ['db', '13.1', '18.2']) text(value)
  int(entries.length)
  for (const entry of entries) {
    int(entry.dumpId)
    int(0)
    for (const value of [entry.catalog, entry.oid, entry.tag, entry.kind]) text(value)
    int({ none: 1, 'pre-data': 2, data: 3, 'post-data': 4 }[entry.section])
    for (const value of [entry.definition, 'DROP', null, entry.schema, entry.tablespace]) text(value)
    if (minor >= 14) text(entry.accessMethod)
    if (minor >= 16) int('r'.charCodeAt(0))
    text(entry.owner)
    text('false')
    for (const id of entry.dependencies) text(String(id))
    text(null)
    bytes(2, 0, 0, 0, 0, 0, 0, 0, 0)
  }
  return Buffer.concat(parts)
}

const name = fc.string({ unit: 'grapheme', minLength: 1 })
const maybe = fc.option(name)
const entry: fc.Arbitrary<TocEntry> = fc.record({
  dumpId: fc.nat(),
  catalog: fc.nat().map(String),
  oid: fc.nat().map(String),
  tag: name,
  kind: fc.constantFrom('TABLE', 'INDEX', 'COMMENT'),
  section: fc.constantFrom('none', 'pre-data', 'data', 'post-data'),
  definition: fc.string({ unit: 'grapheme' }),
  schema: maybe,
  tablespace: maybe,
  accessMethod: maybe,
  owner: maybe,
  dependencies: fc.array(fc.nat()),
})

test('an archive of any version is read as it was written', () => {
  fc.assert(
    fc.property(fc.array(entry), fc.constantFrom(13, 14, 15, 16), fc.constantFrom(4, 6), (entries, minor, intSize) => {
      const { entries: read, serverVersion, dumpVersion } = parseArchiveToc(writeArchive(entries, minor, intSize))
      assert.deepEqual([serverVersion, dumpVersion], ['13.1', '18.2'])
      assert.deepEqual(
        read,
        entries.map((written) => ({ ...written, accessMethod: minor >= 14 ? written.accessMethod : null })),
      )
    }),
  )
})

test('what is cut off, foreign or too new is refused', () => {
  const archive = writeArchive(fc.sample(entry, 3), 16)
  for (let length = 0; length < archive.length; length++) assert.throws(() => parseArchiveToc(archive.subarray(0, length)), Error)
  assert.throws(() => parseArchiveToc(Buffer.from('-- PostgreSQL database dump')), /not an archive/)
  assert.throws(() => parseArchiveToc(writeArchive([], 17)), /unknown version 117/)
})
