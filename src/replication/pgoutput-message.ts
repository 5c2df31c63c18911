import type { Tuple } from './tuple.ts'

/** `d` default (primary key), `n` nothing, `f` full, `i` index: pg_class.relreplident. */
export type ReplicaIdentity = 'd' | 'n' | 'f' | 'i'

export interface RelationColumn {
  readonly name: string
  /** Part of the replica identity; under FULL every column is. */
  readonly key: boolean
  readonly typeOid: number
  readonly typmod: number
}

/** A table as it was at this place of the stream; a later RELATION message makes a new object. */
export interface RelationMessage {
  readonly type: 'relation'
  readonly id: number
  readonly schema: string
  readonly table: string
  readonly replicaIdentity: ReplicaIdentity
  readonly columns: readonly RelationColumn[]
}

export interface BeginMessage {
  readonly type: 'begin'
  /** Where the commit record starts: unique and increasing in the stream. */
  readonly finalLsn: bigint
  /** The top-level transaction id, its lower 32 bits. */
  readonly xid: number
}

export interface CommitMessage {
  readonly type: 'commit'
  /** Equal to the `finalLsn` of BEGIN. */
  readonly commitLsn: bigint
  /** Behind the commit record: the position to confirm. The next commit record may start exactly here. */
  readonly endLsn: bigint
}

/** The transaction came to the source by replication from somewhere else. */
export interface OriginMessage {
  readonly type: 'origin'
  readonly commitLsn: bigint
  readonly name: string
}

/** A type that is not built in and is used by the relation that follows. */
export interface TypeMessage {
  readonly type: 'type'
  readonly oid: number
  readonly schema: string
  readonly name: string
}

export interface InsertMessage {
  readonly type: 'insert'
  readonly relation: RelationMessage
  readonly new: Tuple
}

export interface UpdateMessage {
  readonly type: 'update'
  readonly relation: RelationMessage
  /** `K`: `old` holds the old key, as the key changed. `O`: `old` is the whole old row (FULL). Null: no old row was sent. */
  readonly oldKind: 'K' | 'O' | null
  readonly old: Tuple | null
  readonly new: Tuple
}

export interface DeleteMessage {
  readonly type: 'delete'
  readonly relation: RelationMessage
  /** `K`: `old` holds the key only, the other columns are null. `O`: the whole row (FULL). */
  readonly oldKind: 'K' | 'O'
  readonly old: Tuple
}

/** Sent from PostgreSQL 11 on; one message names every published table of the statement and its cascade. */
export interface TruncateMessage {
  readonly type: 'truncate'
  readonly relations: readonly RelationMessage[]
  readonly cascade: boolean
  readonly restartIdentity: boolean
}

/** A logical message (pg_logical_emit_message); only if the option `messages` was asked for (14+). */
export interface LogicalMessage {
  readonly type: 'message'
  readonly transactional: boolean
  readonly lsn: bigint
  readonly prefix: string
  readonly content: Buffer
}

export type PgoutputMessage =
  | BeginMessage
  | CommitMessage
  | OriginMessage
  | RelationMessage
  | TypeMessage
  | InsertMessage
  | UpdateMessage
  | DeleteMessage
  | TruncateMessage
  | LogicalMessage
