import type { Database } from '../postgres/connect.ts'
import { oidArray } from '../postgres/oid-array.ts'

/** Content moves in pieces of this size, in bytes. */
export const PIECE = 1024 * 1024

/** INV_WRITE | INV_READ of libpq/libpq-fs.h. */
const READ_WRITE = 0x60000
const READ = 0x40000

/** MD5 of whole objects, by OID; only for such as fit in a piece. Bytes mean the same on every version. */
export async function readDigests(database: Database, oids: readonly string[]): Promise<Map<string, string>> {
  if (oids.length === 0) return new Map()
  const rows = await database.query<{ lo: string; digest: string }>(
    'select lo, md5(lo_get(lo)) as digest from unnest($1::oid[]) as x (lo)',
    [oidArray(oids)],
  )
  return new Map(rows.map(({ lo, digest }) => [lo, digest]))
}

/** Sizes in bytes, by OID. */
export async function readSizes(database: Database, oids: readonly string[]): Promise<Map<string, bigint>> {
  if (oids.length === 0) return new Map()
  const rows = await database.query<{ lo: string; bytes: string }>(
    `with opened as (select lo, lo_open(lo, ${READ}) as fd from unnest($1::oid[]) as x (lo)),
          sized as (select lo, fd, lo_lseek64(fd, 0, 2) as bytes from opened)
     select lo, bytes, lo_close(fd) from sized`,
    [oidArray(oids)],
  )
  return new Map(rows.map(({ lo, bytes }) => [lo, BigInt(bytes)]))
}

/** Contents as hexadecimal digits, in the order of the OIDs. */
export async function readContents(database: Database, oids: readonly string[]): Promise<string[]> {
  const rows = await database.query<{ content: string }>(
    'select lo_get(lo) as content from unnest($1::oid[]) with ordinality as x (lo, n) order by n',
    [oidArray(oids)],
  )
  return rows.map(({ content }) => content.slice(2))
}

/** Makes objects of contents as `readContents` gives them. */
export async function createWhole(target: Database, oids: readonly string[], contents: readonly string[]): Promise<void> {
  await target.query(`select count(lo_from_bytea(lo, decode(content, 'hex'))) from unnest($1::oid[], $2::text[]) as x (lo, content)`, [
    oidArray(oids),
    `{${contents.map((content) => `"${content}"`).join(',')}}`,
  ])
}

/** MD5 of pieces, by their number, from `first` to `last`. */
export async function readPieceDigests(database: Database, oid: string, first: bigint, last: bigint): Promise<string[]> {
  const rows = await database.query<{ digest: string }>(
    `select md5(lo_get($1::oid, n * ${PIECE}, ${PIECE})) as digest from generate_series($2::bigint, $3::bigint) as n order by n`,
    [oid, String(first), String(last)],
  )
  return rows.map(({ digest }) => digest)
}

export async function readPiece(database: Database, oid: string, piece: bigint): Promise<string> {
  const [row] = await database.query<{ content: string }>(`select lo_get($1::oid, $2::bigint, ${PIECE}) as content`, [
    oid,
    String(piece * BigInt(PIECE)),
  ])
  return (row?.content ?? '').slice(2)
}

export async function writePiece(target: Database, oid: string, piece: bigint, content: string): Promise<void> {
  await target.query(`select lo_put($1::oid, $2::bigint, decode($3, 'hex'))`, [oid, String(piece * BigInt(PIECE)), content])
}

/** Cuts an object, or lengthens it by a hole that reads as zeros. */
export async function setSize(target: Database, oid: string, bytes: bigint): Promise<void> {
  await target.query(
    `with opened as (select lo_open($1::oid, ${READ_WRITE}) as fd), cut as (select fd, lo_truncate64(fd, $2::bigint) as done from opened)
     select done, lo_close(fd) from cut`,
    [oid, String(bytes)],
  )
}

/** Removes those that are there. */
export async function unlink(target: Database, oids: readonly string[]): Promise<void> {
  await target.query('select count(lo_unlink(m.oid)) from pg_largeobject_metadata m where m.oid = any ($1::oid[])', [oidArray(oids)])
}
