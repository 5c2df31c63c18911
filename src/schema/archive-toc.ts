import { ArchiveReader } from './archive-reader.ts'

/** In which part of a dump an entry stands; comments, grants and labels stand in none. */
export type Section = 'none' | 'pre-data' | 'data' | 'post-data'

/** One entry of an archive's table of contents. */
export interface TocEntry {
  readonly dumpId: number
  /** Catalogue of the object and its OID there; '0' where pg_dump has no object of the catalogue in mind. */
  readonly catalog: string
  readonly oid: string
  /** The object's name; with its table's name before it for constraints, triggers, rules and policies, with its arguments for functions. */
  readonly tag: string
  /** The kind as pg_dump calls it: `TABLE`, `FK CONSTRAINT`, `COMMENT`, … */
  readonly kind: string
  readonly section: Section
  /** The statements that create it. */
  readonly definition: string
  /** Null for objects that belong to no schema. */
  readonly schema: string | null
  readonly tablespace: string | null
  /** Table access method. */
  readonly accessMethod: string | null
  readonly owner: string | null
  /** Dump ids. */
  readonly dependencies: readonly number[]
}

export interface ArchiveToc {
  readonly serverVersion: string
  readonly dumpVersion: string
  readonly entries: readonly TocEntry[]
}

const SECTIONS: readonly Section[] = ['none', 'none', 'pre-data', 'data', 'post-data']
const CUSTOM_FORMAT = 1
/** Archives of pg_dump 10 (1.13) to 18 (1.16). */
const OLDEST = 113
const NEWEST = 116

/**
 * Reads the table of contents of a custom-format archive, as ReadHead and ReadToc of PostgreSQL's pg_backup_archiver.c do. Unlike the
 * output of `pg_restore --list` it is exact for every name, and it has each entry's definition and dependencies.
 *
 * @throws Error if it is no such archive, or of a version that isn't known
 */
export function parseArchiveToc(data: Buffer): ArchiveToc {
  const reader = new ArchiveReader(data)
  if (reader.bytes(Math.min(5, data.length)).toString('latin1') !== 'PGDMP') throw new Error('not an archive of pg_dump')
  const version = reader.byte() * 100 + reader.byte()
  reader.byte()
  if (version < OLDEST || version > NEWEST) throw new Error(`an archive of the unknown version ${version}`)
  reader.intSize = reader.byte()
  const offsetSize = reader.byte()
  const format = reader.byte()
  if (format !== CUSTOM_FORMAT) throw new Error(`an archive of the format ${format}, not the custom format`)
  if (version >= 115) reader.byte()
  else reader.int()
  // Time of creation.
  for (let i = 0; i < 7; i++) reader.int()
  reader.string()
  const serverVersion = reader.string() ?? ''
  const dumpVersion = reader.string() ?? ''
  const entries = Array.from({ length: reader.int() }, () => readEntry(reader, version, offsetSize))
  return { serverVersion, dumpVersion, entries }
}

function readEntry(reader: ArchiveReader, version: number, offsetSize: number): TocEntry {
  const dumpId = reader.int()
  // Whether it has data.
  reader.int()
  const catalog = reader.string() ?? '0'
  const oid = reader.string() ?? '0'
  const tag = reader.string() ?? ''
  const kind = reader.string() ?? ''
  const section = SECTIONS[reader.int()]
  if (section === undefined) throw new Error(`the entry ${dumpId} of the archive is in an unknown section`)
  const definition = reader.string() ?? ''
  // The DROP statement and the COPY statement.
  reader.string()
  reader.string()
  const schema = named(reader.string())
  const tablespace = named(reader.string())
  const accessMethod = version >= 114 ? named(reader.string()) : null
  if (version >= 116) reader.int()
  const owner = named(reader.string())
  // WITH OIDS, in archives of old.
  reader.string()
  const dependencies: number[] = []
  for (let next = reader.string(); next !== null; next = reader.string()) dependencies.push(Number(next))
  // Where the data stands: a flag and an offset.
  reader.bytes(1 + offsetSize)
  return { dumpId, catalog, oid, tag, kind, section, definition, schema, tablespace, accessMethod, owner, dependencies }
}

/** Absent strings are null in newer archives and empty in older ones. */
function named(text: string | null): string | null {
  return text === '' ? null : text
}
