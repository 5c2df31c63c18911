/** Milliseconds from the Unix epoch to 2000-01-01 00:00 UTC, from which PostgreSQL counts. */
const POSTGRES_EPOCH_MILLISECONDS = 946_684_800_000

export interface StandbyStatus {
  /** Highest position received. */
  readonly write: bigint
  /** Highest position durable on the target; the slot is moved exactly here. 0 moves nothing. */
  readonly flush: bigint
  /** Asks the server to answer at once with a keepalive. */
  readonly reply: boolean
  /** Milliseconds since the Unix epoch. */
  readonly now: number
}

/**
 * The standby status update (PostgreSQL documentation, "Streaming Replication Protocol"). The positions go out as they
 * are: the acknowledge of pg-logical-replication adds one, and a commit record may start exactly at the previous
 * transaction's end, so the next transaction would be lost (measured on 10 to 18).
 */
export function standbyStatus({ write, flush, reply, now }: StandbyStatus): Buffer {
  const message = Buffer.alloc(34)
  message.writeUInt8(0x72 /* r */, 0)
  message.writeBigUInt64BE(write, 1)
  message.writeBigUInt64BE(flush, 9)
  message.writeBigUInt64BE(flush, 17)
  message.writeBigInt64BE(BigInt(now - POSTGRES_EPOCH_MILLISECONDS) * 1000n, 25)
  message.writeUInt8(reply ? 1 : 0, 33)
  return message
}
