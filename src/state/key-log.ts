import type { Database } from '../postgres/connect.ts'
import { updateMigrationRecord } from './migration-record.ts'

/** A table of the target. */
export interface ChangedTable {
  readonly targetSchema: string
  readonly targetTable: string
}

/** Where keys are: those that the stream writes down, or those that were taken from it to be compared again. */
export type KeyLog = 'changed_key' | 'rechecked_key'

/**
 * Takes all keys that the stream has written down to be compared again: from now on it writes down anew what changes. What an attempt that was lost
 * had taken stays taken.
 */
export async function takeKeyLog(target: Database, id: string): Promise<void> {
  await move(target, id, 'changed_key', 'rechecked_key')
}

/** What was taken and never compared counts as written down again. */
export async function putBackKeyLog(target: Database, id: string): Promise<void> {
  await move(target, id, 'rechecked_key', 'changed_key')
}

/** What was taken has been compared. */
export async function forgetTaken(target: Database, id: string): Promise<void> {
  await target.query('delete from pgmove.rechecked_key where id = $1', [id])
}

async function move(target: Database, id: string, from: KeyLog, to: KeyLog): Promise<void> {
  await target.query(
    `with moved as (delete from pgmove.${from} where id = $1 returning target_schema, target_table, columns, key)
     insert into pgmove.${to} (id, target_schema, target_table, columns, key) select $1, target_schema, target_table, columns, key from moved
     on conflict do nothing`,
    [id],
  )
}

/** From the next start of the stream on the keys of the rows that it changes are written down; none are known from before. */
export async function openKeyLog(target: Database, id: string): Promise<void> {
  await target.transaction(async () => {
    await target.query('delete from pgmove.changed_key where id = $1', [id])
    await forgetTaken(target, id)
    await updateMigrationRecord(target, id, { keys_logged: 't' })
  })
}

/** They are no longer, and those that were are forgotten. */
export async function closeKeyLog(target: Database, id: string): Promise<void> {
  await target.transaction(async () => {
    await updateMigrationRecord(target, id, { keys_logged: 'f' })
    await target.query('delete from pgmove.changed_key where id = $1', [id])
    await forgetTaken(target, id)
  })
}

/** A table of which any row may differ. */
export async function markWholeChanged(target: Database, id: string, schema: string, name: string): Promise<void> {
  await target.query('insert into pgmove.changed_key (id, target_schema, target_table) values ($1, $2, $3) on conflict do nothing', [
    id,
    schema,
    name,
  ])
}

/** The tables of which any row is known to have changed. */
export async function readChangedTables(target: Database, id: string, log: KeyLog): Promise<ChangedTable[]> {
  const rows = await target.query<{ schema: string; name: string }>(
    `select distinct target_schema as schema, target_table as name from pgmove.${log} where id = $1 order by 1, 2`,
    [id],
  )
  return rows.map(({ schema, name }) => ({ targetSchema: schema, targetTable: name }))
}

/** The keys of one table as JSON arrays of texts, with the columns on the target that they are of: at most `limit`, in the order of their hashes, above one. */
export async function readChangedKeys(
  target: Database,
  id: string,
  log: KeyLog,
  { targetSchema, targetTable }: ChangedTable,
  after: string,
  limit: number,
): Promise<{ readonly columns: readonly string[]; readonly key: string; readonly hash: string }[]> {
  const rows = await target.query<{ columns: string; key: string; hash: string }>(
    `select columns, key, md5(key) as hash from pgmove.${log}
      where id = $1 and target_schema = $2 and target_table = $3 and md5(coalesce(key, '')) > $4 and key is not null
      order by md5(coalesce(key, '')) limit ${limit}`,
    [id, targetSchema, targetTable, after],
  )
  return rows.map(({ columns, key, hash }) => ({ columns: JSON.parse(columns) as string[], key, hash }))
}

/** Whether any row of the table may have changed. */
export async function isWholeChanged(
  target: Database,
  id: string,
  log: KeyLog,
  { targetSchema, targetTable }: ChangedTable,
): Promise<boolean> {
  const rows = await target.query(`select from pgmove.${log} where id = $1 and target_schema = $2 and target_table = $3 and key is null`, [
    id,
    targetSchema,
    targetTable,
  ])
  return rows.length > 0
}
