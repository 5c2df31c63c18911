import { MigrationError } from '../errors/migration-error.ts'
import { formatLsn } from '../postgres/lsn.ts'

/**
 * Captured DDL has come while a table waits for its copy. It may be about that table, or about what it depends on, and is only made while all tables
 * have the same changes: the stream ends before its transaction. No failure for anybody to see.
 */
export class CopyFirstError extends MigrationError {
  constructor(commitLsn: bigint) {
    const lsn = formatLsn(commitLsn)
    super('UnsupportedDdl', `DDL of the transaction that committed at ${lsn} waits until a table is copied again.`, { side: 'source', lsn })
  }
}
