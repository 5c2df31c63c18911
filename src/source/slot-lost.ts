import { MigrationError } from '../errors/migration-error.ts'

/** What ends a migration whose slot is gone; `what` completes "slot … was invalidated". */
export function slotLost(slot: string, what: string): MigrationError {
  const text = `On the source: slot ${slot} ${what}, and with it the changes that were not applied yet. The migration ends.`
  return new MigrationError('SlotLost', text, { side: 'source' })
}
