import { sqlState } from '../errors/classify.ts'
import type { Database } from '../postgres/connect.ts'
import { changeSource } from '../source/source-schema.ts'
import { slotName } from '../state/migration-ref.ts'
import { readRecordedMigrations } from './recorded-migration.ts'

const SLOT_IN_USE = '55006'

/**
 * Drops the slot of a migration that nobody can vouch for, if it is still idle: looked at again in the transaction in which it is dropped, with
 * its heartbeat locked. Never ends whoever streams from it. Returns whether it has come to life; nothing is removed then.
 */
export async function dropIdleSlot(source: Database, id: string, olderThanMs: number, signal: AbortSignal): Promise<boolean> {
  try {
    return await changeSource(source, signal, async () => {
      await source.query(`select from pgmove.dts_postgres_heartbeat where id = $1 for update`, [id])
      const [now] = await readRecordedMigrations(source, id)
      if (!now) return false
      if (now.active || now.idleMs < olderThanMs) return true
      await source.query(
        `select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and database = current_database()`,
        [slotName(id)],
      )
      return false
    })
  } catch (error) {
    if (sqlState(error) === SLOT_IN_USE) return true
    throw error
  }
}
