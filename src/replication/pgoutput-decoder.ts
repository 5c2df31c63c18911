import { MigrationError } from '../errors/migration-error.ts'
import { formatLsn } from '../postgres/lsn.ts'
import type {
  CommitMessage,
  PgoutputMessage,
  RelationColumn,
  RelationMessage,
  ReplicaIdentity,
  TruncateMessage,
  UpdateMessage,
} from './pgoutput-message.ts'
import { PgoutputReader } from './pgoutput-reader.ts'

/**
 * Decodes pgoutput messages of protocol version 1, PostgreSQL 10 to 18 (PostgreSQL documentation, "Logical Replication
 * Message Formats"). One decoder for one connection: it remembers the relations, which the server describes once.
 */
export class PgoutputDecoder {
  private readonly relations = new Map<number, RelationMessage>()
  private readonly reader = new PgoutputReader()
  private readonly position: ((chunk: Buffer, start: number) => bigint) | undefined

  /** `position` finds where in the WAL the message stood that starts at `start` of `chunk`; for errors only. */
  constructor(position?: (chunk: Buffer, start: number) => bigint) {
    this.position = position
  }

  /**
   * Decodes the message that stands in `chunk` from `start` to before `end`. Values are views into `chunk`: the caller must not reuse its memory, and a value that is kept
   * keeps all of it alive.
   * Throws a MigrationError `Internal` on anything but a whole, known message.
   */
  decode(chunk: Buffer, start = 0, end = chunk.length): PgoutputMessage {
    const { reader } = this
    reader.begin(chunk, start, end)
    try {
      const message = this.read(reader)
      if (reader.rest !== 0) throw new RangeError(`${reader.rest} bytes too many`)
      return message
    } catch (error) {
      const type = end > start ? JSON.stringify(String.fromCharCode(chunk.readUInt8(start))) : 'none'
      const lsn = this.position?.(chunk, start)
      const place = lsn === undefined ? 'an unknown position' : formatLsn(lsn)
      throw new MigrationError(
        'Internal',
        `On the source: the change stream holds a pgoutput message (type ${type}) at ${place} that can't be decoded: ${(error as Error).message}. ` +
          'Nothing of its transaction was applied; pgmove waits for the operator.',
        { side: 'source', cause: error, ...(lsn !== undefined && { lsn: formatLsn(lsn) }) },
      )
    }
  }

  private read(reader: PgoutputReader): PgoutputMessage {
    const type = reader.byte()
    switch (type) {
      case 0x49: /* I */ {
        const relation = this.relation(reader.uint32())
        expectTag(reader, 0x4e)
        return { type: 'insert', relation, new: reader.tuple(relation.columns.length) }
      }
      case 0x55 /* U */:
        return this.update(reader)
      case 0x44: /* D */ {
        const relation = this.relation(reader.uint32())
        const oldKind = oldTupleKind(reader.byte())
        if (oldKind === null) throw new RangeError('a DELETE without its old row')
        return { type: 'delete', relation, oldKind, old: reader.tuple(relation.columns.length) }
      }
      case 0x42 /* B */:
        return { type: 'begin', finalLsn: reader.lsn(), xid: reader.afterTime().uint32() }
      case 0x43 /* C */:
        reader.byte() // flags, none defined
        return commit(reader)
      case 0x52: /* R */ {
        const relation = readRelation(reader)
        this.relations.set(relation.id, relation)
        return relation
      }
      case 0x54 /* T */:
        return this.truncate(reader)
      case 0x4f /* O */:
        return { type: 'origin', commitLsn: reader.lsn(), name: reader.name() }
      case 0x59 /* Y */:
        return { type: 'type', oid: reader.uint32(), schema: reader.schema(), name: reader.name() }
      case 0x4d /* M */:
        return {
          type: 'message',
          transactional: (reader.byte() & 1) === 1,
          lsn: reader.lsn(),
          prefix: reader.name(),
          content: reader.bytes(reader.int32()),
        }
      default:
        throw new RangeError('an unknown type')
    }
  }

  private update(reader: PgoutputReader): UpdateMessage {
    const relation = this.relation(reader.uint32())
    const columns = relation.columns.length
    const tag = reader.byte()
    const oldKind = oldTupleKind(tag)
    const old = oldKind === null ? null : reader.tuple(columns)
    if (oldKind !== null) expectTag(reader, 0x4e)
    else if (tag !== 0x4e /* N */) throw new RangeError('an UPDATE without its new row')
    return { type: 'update', relation, oldKind, old, new: reader.tuple(columns) }
  }

  private truncate(reader: PgoutputReader): TruncateMessage {
    const count = reader.int32()
    const options = reader.byte()
    const relations: RelationMessage[] = []
    for (let i = 0; i < count; i++) relations.push(this.relation(reader.uint32()))
    return { type: 'truncate', relations, cascade: (options & 1) !== 0, restartIdentity: (options & 2) !== 0 }
  }

  private relation(id: number): RelationMessage {
    const relation = this.relations.get(id)
    if (!relation) throw new RangeError(`relation ${id}, which was not described before`)
    return relation
  }
}

function commit(reader: PgoutputReader): CommitMessage {
  const message: CommitMessage = { type: 'commit', commitLsn: reader.lsn(), endLsn: reader.lsn() }
  reader.afterTime()
  return message
}

function readRelation(reader: PgoutputReader): RelationMessage {
  const id = reader.uint32()
  const schema = reader.schema()
  const table = reader.name()
  const replicaIdentity = String.fromCharCode(reader.byte())
  if (!isReplicaIdentity(replicaIdentity)) throw new RangeError('an unknown replica identity')
  const count = reader.int16()
  const columns: RelationColumn[] = []
  for (let i = 0; i < count; i++) {
    const key = (reader.byte() & 1) === 1
    columns.push({ key, name: reader.name(), typeOid: reader.uint32(), typmod: reader.int32() })
  }
  return { type: 'relation', id, schema, table, replicaIdentity, columns }
}

function isReplicaIdentity(letter: string): letter is ReplicaIdentity {
  return letter === 'd' || letter === 'n' || letter === 'f' || letter === 'i'
}

function oldTupleKind(tag: number): 'K' | 'O' | null {
  if (tag === 0x4b) return 'K'
  return tag === 0x4f ? 'O' : null
}

function expectTag(reader: PgoutputReader, tag: number): void {
  if (reader.byte() !== tag) throw new RangeError('a row that does not begin where it should')
}
