import { sqlState } from '../errors/classify.ts'
import type { Database } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'
import { restoreObject } from '../state/object-change.ts'
import type { RecordedChange } from '../state/object-change.ts'
import { standInName } from './stand-in-foreign-key.ts'

/**
 * Puts back what earlier migrations, which have ended, left weakened on tables that they made: their triggers and identities would
 * count as differences. Of foreign keys only the stand-ins are removed: the keys are restored with the others, and so are valid.
 * Their lookup indexes go wherever they are. What can't be put back, as its table is gone, stays recorded.
 */
export async function undoLeftovers(target: Database, id: string): Promise<void> {
  const changes = await target.query<RecordedChange & { migration: string }>(
    `select c.id as migration, c.ordinal, c.kind, c.object, c.own, c.restore
       from pgmove.object_change c join pgmove.migration m on m.id = c.id
      where c.id <> $1 and (c.own or c.kind = 'lookup_index') and c.restored_at is null and m.finished_at is not null
      order by c.ordinal desc`,
    [id],
  )
  for (const { migration, ...change } of changes) {
    const restore = change.kind === 'foreign_key' ? await dropOf(target, standInName(change.object)) : change.restore
    try {
      await restoreObject(target, migration, { ...change, restore })
    } catch (error) {
      if (!/^(42|55)/.test(sqlState(error) ?? '')) throw error
    }
  }
}

/** The statement that drops a stand-in, wherever it is; its partitions' copies go with it. */
async function dropOf(target: Database, name: string): Promise<string> {
  const rows = await target.query<{ schema: string; table: string }>(
    `select n.nspname as schema, c.relname as table
       from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
      where k.contype = 'f' and k.conname = $1 and k.conislocal`,
    [name],
  )
  return rows.map(({ schema, table }) => `alter table ${qualified(schema, table)} drop constraint ${ident(name)};`).join('\n')
}
