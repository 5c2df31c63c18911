import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { ident } from '../postgres/quote.ts'
import { findTable, forgetInstalled, installedByAnother, recordInstalled, tableLabel } from './installed.ts'
import type { Installed, InstalledBy } from './installed.ts'
import type { SelectedTable } from './selected-tables.ts'
import type { WaitOptions } from './slot-blocker.ts'
import { changeSource, changeTable } from './source-schema.ts'

/**
 * Sets replica identity FULL where UPDATE and DELETE would not name their row; what was there before is recorded. If another
 * migration has set it already, this one is recorded beside it, so that the last of them restores it.
 */
export async function setReplicaIdentities(
  source: Database,
  by: InstalledBy,
  tables: readonly SelectedTable[],
  wait: WaitOptions,
): Promise<void> {
  const others = await source.query<{ name: string }>(`select name from pgmove.installed where kind = 'replica identity' and id <> $1`, [
    by.id,
  ])
  const shared = new Set(others.map(({ name }) => name))
  for (const table of tables) {
    if (table.kind !== 'r' || table.persistence !== 'p') continue
    if (!table.usableIdentity) await changeTable(source, wait, table.oid, () => setFull(source, by, table))
    else if (table.identity === 'f' && shared.has(tableLabel(table)))
      await changeSource(source, wait.signal, () => share(source, by, table))
  }
}

async function setFull(source: Database, by: InstalledBy, table: SelectedTable): Promise<void> {
  const label = tableLabel(table)
  if (table.columns.some(({ generated }) => generated === 'v')) {
    throw new MigrationError(
      'UnsupportedDdl',
      `On the source: ${label} has no usable replica identity and a virtual generated column, so under replica identity FULL its UPDATE and DELETE would be refused. Nothing was changed. Give it a primary key or exclude it, then send the signal resume.`,
      { side: 'source', table: label },
    )
  }
  await source.query(`lock table only ${label} in access exclusive mode`)
  const [now] = await source.query<{ identity: string; index: string | null }>(
    `select c.relreplident as identity, i.relname as index from pg_class c
       left join pg_index x on x.indrelid = c.oid and x.indisreplident left join pg_class i on i.oid = x.indexrelid
      where c.oid = $1::oid`,
    [table.oid],
  )
  if (now?.identity === 'f') return share(source, by, table)
  // Of USING INDEX an index that is unusable may be left, or none: then nothing names the rows.
  const previous = now?.identity === 'i' ? (now.index === null ? 'n' : `i ${ident(now.index)}`) : (now?.identity ?? 'd')
  await source.query(`alter table only ${label} replica identity full`)
  await recordInstalled(source, by, 'replica identity', label, { previous, relation: table.oid })
}

/** FULL stands already: ours to restore only if another migration has set it. */
async function share(source: Database, by: InstalledBy, table: SelectedTable): Promise<void> {
  const other = await installedByAnother(source, by.id, 'replica identity', tableLabel(table))
  if (other) {
    await recordInstalled(source, by, 'replica identity', tableLabel(table), { previous: other.previous, relation: table.oid })
  }
}

/** Restores what a table had before, unless another migration still needs FULL or somebody has changed it since. */
export async function restoreReplicaIdentity(source: Database, id: string, installed: Installed, signal: AbortSignal): Promise<void> {
  await changeSource(source, signal, async () => {
    const other = await installedByAnother(source, id, 'replica identity', installed.name)
    const table = other ? undefined : await findTable(source, installed)
    if (table !== undefined && (await isFull(source, table))) await source.query(restoreStatement(table, installed))
    await forgetInstalled(source, id, 'replica identity', installed.name)
  })
}

async function isFull(source: Database, table: string): Promise<boolean> {
  const [row] = await source.query<{ identity: string }>(`select relreplident as identity from pg_class where oid = $1::regclass`, [table])
  return row?.identity === 'f'
}

/** The statement that gives a table its former replica identity. */
export function restoreStatement(table: string, { previous }: Pick<Installed, 'previous'>): string {
  const former = previous?.startsWith('i ') ? `using index ${previous.slice(2)}` : previous === 'n' ? 'nothing' : 'default'
  return `alter table only ${table} replica identity ${former}`
}
