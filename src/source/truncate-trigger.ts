import type { Database } from '../postgres/connect.ts'
import { ident, literal } from '../postgres/quote.ts'
import { findTable, forgetInstalled, readInstalled, recordInstalled, tableLabel } from './installed.ts'
import type { Installed, InstalledBy } from './installed.ts'
import type { SelectedTable } from './selected-tables.ts'
import type { WaitOptions } from './slot-blocker.ts'
import { changeSource, changeTable, needsTruncateLog } from './source-schema.ts'

/** On PostgreSQL 10: a trigger on every table that holds rows writes each TRUNCATE into `pgmove.truncate_log`; else nothing. */
export async function installTruncateTriggers(
  source: Database,
  by: InstalledBy,
  tables: readonly SelectedTable[],
  wait: WaitOptions,
): Promise<void> {
  if (!needsTruncateLog(source.version)) return
  const installed = new Set((await readInstalled(source, by.id)).flatMap(({ kind, name }) => (kind === 'truncate trigger' ? [name] : [])))
  for (const table of tables) {
    const label = tableLabel(table)
    if (table.kind !== 'r' || table.persistence !== 'p' || installed.has(label)) continue
    await changeTable(source, wait, table.oid, async () => {
      await source.query(
        `create trigger ${ident(triggerName(by.id))} before truncate on ${label} for each statement execute procedure pgmove.log_truncate(${literal(by.id)})`,
      )
      // Also where session_replication_role is replica.
      await source.query(`alter table only ${label} enable always trigger ${ident(triggerName(by.id))}`)
      await recordInstalled(source, by, 'truncate trigger', label, { relation: table.oid })
    })
  }
}

export async function dropTruncateTrigger(source: Database, id: string, installed: Installed, signal: AbortSignal): Promise<void> {
  await changeSource(source, signal, async () => {
    const table = await findTable(source, installed)
    if (table !== undefined) await source.query(dropTriggerStatement(id, table))
    await forgetInstalled(source, id, 'truncate trigger', installed.name)
  })
}

export function dropTriggerStatement(id: string, table: string): string {
  return `drop trigger if exists ${ident(triggerName(id))} on ${table}`
}

function triggerName(id: string): string {
  return `pgmove_truncate_${id}`
}
