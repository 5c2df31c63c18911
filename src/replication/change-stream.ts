import type { ClientConfig } from 'pg'
import type { PgoutputMessage } from './pgoutput-message.ts'
import { SlotStream } from './slot-stream.ts'

export interface ChangeStreamOptions {
  /** Of the source's database; the connection is made a walsender's. Its `options` decide how values are printed. */
  readonly clientConfig: ClientConfig
  readonly slot: string
  readonly publication: string
  /** The target's durable progress, or 0; never above it: what lies below is never sent again. Default 0 (the slot's own position). */
  readonly startLsn?: bigint
  /** How much may wait for the consumer before the socket is paused. Default 8 MiB. */
  readonly maxBufferedBytes?: number
  /**
   * How many seconds the server may say nothing, asked for an answer every second, before it counts as lost. Default 60, as
   * wal_receiver_timeout. Does not count while the socket is paused.
   */
  readonly silenceSeconds?: number
  /** Ends the stream: the iteration throws the signal's reason. */
  readonly signal?: AbortSignal
}

export type StreamItem =
  | {
      readonly kind: 'message'
      readonly message: PgoutputMessage
      /** What it takes in memory, roughly. */
      readonly bytes: number
    }
  | {
      readonly kind: 'keepalive'
      /** Everything committed below has been delivered before this item. */
      readonly walEnd: bigint
      /** No transaction is open in the stream here: `walEnd` may be confirmed once what came before is durable. */
      readonly idle: boolean
    }

/** The changes of a slot, in the order of the source's commits. One consumer. */
export interface ChangeStream extends AsyncIterable<StreamItem> {
  /**
   * What has arrived, without waiting if there is anything: up to some thousand items, never empty but after `close`.
   * Throws a MigrationError once the connection is lost and everything received before is delivered, or the signal's
   * reason at once.
   */
  nextBatch(): Promise<StreamItem[]>
  /** Tells the server that everything below `lsn` is durable on the target: exactly `lsn`, at most 10 times a second, never less than before. */
  confirm(lsn: bigint): void
  /** The highest end of WAL that the server has named. */
  readonly receivedLsn: bigint
  /** Ends the connection, within 2 s, after the server has taken what was confirmed if it answers. Never throws. */
  close(): Promise<void>
}

/**
 * Starts streaming from a slot. Throws a MigrationError if the connection or START_REPLICATION fails; the server's
 * SQLSTATE stands in its cause (42704: no such slot, 55006: another connection streams from it, 55000: its WAL is gone).
 */
export async function openChangeStream(options: ChangeStreamOptions): Promise<ChangeStream> {
  const stream = new SlotStream(options)
  await stream.start()
  return stream
}
