import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { literal } from '../postgres/quote.ts'

/**
 * Gives a session's transaction the snapshot that `holder` exported under `name`. With the holder's session the snapshot is lost, which the
 * server tells as an invalid identifier: then this fails as the holder does, with a lost connection.
 */
export async function importSnapshot(session: Database, name: string, holder: Database): Promise<void> {
  try {
    await session.query(`set transaction snapshot ${literal(name)}`)
  } catch (error) {
    if (error instanceof MigrationError && error.kind !== 'ConnectionLost') await holder.query('select')
    throw error
  }
}
