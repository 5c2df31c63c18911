import { sqlState } from '../errors/classify.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { oidArray } from '../postgres/oid-array.ts'
import { ident, qualified } from '../postgres/quote.ts'
import { publicationName } from '../state/migration-ref.ts'
import { forgetInstalled, recordInstalled, tableLabel } from './installed.ts'
import type { InstalledBy } from './installed.ts'
import type { SelectedTable } from './selected-tables.ts'
import type { WaitOptions } from './slot-blocker.ts'
import { changeSource, changeTable, needsTruncateLog } from './source-schema.ts'

/** Tables added in one transaction: each is locked against VACUUM, CREATE INDEX CONCURRENTLY and the like, not against writes. */
const BATCH = 50

/**
 * Makes the publication with every selected table, pgmove's own tables among them, and with `captured` the log of DDL. To be complete before the slot is made:
 * a change is published only if its table belonged when it was made (HANDOFF.md, G5).
 */
export async function installPublication(
  source: Database,
  by: InstalledBy,
  tables: readonly SelectedTable[],
  wait: WaitOptions & { readonly captured: boolean },
): Promise<void> {
  const { signal, captured } = wait
  const name = publicationName(by.id)
  await changeSource(source, signal, async () => {
    const [found] = await source.query(`select from pg_publication where pubname = $1`, [name])
    const [ours] = await source.query(`select from pgmove.installed where id = $1 and kind = 'publication'`, [by.id])
    if (found && ours) return addDdlLog(source, name, captured)
    if (found) {
      throw new MigrationError(
        'SchemaMismatch',
        `On the source: a publication ${name} exists that pgmove has no record of making. Nothing was changed. Drop it, then send the signal resume.`,
        { side: 'source' },
      )
    }
    const own = ['dts_postgres_heartbeat', ...(needsTruncateLog(source.version) ? ['truncate_log'] : []), ...(captured ? ['ddl_log'] : [])]
    const options = needsGenerated(source.version, tables) ? ' with (publish_generated_columns = stored)' : ''
    await source.query(
      `create publication ${ident(name)} for table ${own.map((table) => `only pgmove.${ident(table)}`).join(', ')}${options}`,
    )
    await recordInstalled(source, by, 'publication', name)
  })
  const members = new Set(
    (
      await source.query<{ oid: string }>(
        `select r.prrelid as oid from pg_publication_rel r join pg_publication p on p.oid = r.prpubid where p.pubname = $1`,
        [name],
      )
    ).map(({ oid }) => oid),
  )
  const missing = publishedTables(source.version, tables).filter(({ oid }) => !members.has(oid))
  for (let at = 0; at < missing.length; at += BATCH) await addTables(source, name, missing.slice(at, at + BATCH), wait)
}

/** An earlier attempt may have made the publication when the capture could not be installed. */
async function addDdlLog(source: Database, name: string, captured: boolean): Promise<void> {
  if (!captured) return
  const [log] = await source.query<{ oid: string }>(`select 'pgmove.ddl_log'::regclass::oid as oid`)
  if (log && (await readUnpublished(source, name, [log.oid])).length > 0)
    await source.query(`alter publication ${ident(name)} add table only pgmove.ddl_log`)
}

/** Together if their locks are free, else one by one, each until it works. */
async function addTables(source: Database, name: string, tables: readonly SelectedTable[], wait: WaitOptions): Promise<void> {
  const add = async (some: readonly SelectedTable[]) => {
    await source.query(`alter publication ${ident(name)} add table ${some.map((table) => `only ${tableLabel(table)}`).join(', ')}`)
  }
  const free = await changeSource(source, wait.signal, async () => {
    await source.query('savepoint tables')
    try {
      await add(tables)
      return true
    } catch (error) {
      if (!(error instanceof MigrationError) || error.kind !== 'LockTimeout') throw error
      await source.query('rollback to savepoint tables')
      return false
    }
  })
  if (!free) for (const table of tables) await changeTable(source, wait, table.oid, () => add([table]))
}

/**
 * What the publication lists: from 13 on topmost partitioned tables, which bring all their partitions, also future ones;
 * before, partitions themselves. An unlogged table can't be published: it has no WAL.
 */
export function publishedTables(version: number, tables: readonly SelectedTable[]): SelectedTable[] {
  const logged = tables.filter(({ kind, persistence }) => kind === 'p' || persistence === 'p')
  return version >= 130000 ? logged.filter(({ partitionOf }) => !partitionOf) : logged.filter(({ kind }) => kind === 'r')
}

/** From 18 on UPDATE and DELETE are refused if a generated column that belongs to the replica identity is not published. */
function needsGenerated(version: number, tables: readonly SelectedTable[]): boolean {
  if (version < 180000) return false
  return tables.some(
    ({ columns, identity, usableIdentity, generatedKey }) =>
      generatedKey || ((identity === 'f' || !usableIdentity) && columns.some(({ generated }) => generated === 's')),
  )
}

/** Above it tables are taken out before the publication is dropped: DROP locks each membership, in one transaction. */
const DROPPED_AT_ONCE = 200
const UNDEFINED_TABLE = '42P01'

export async function dropPublication(source: Database, id: string, signal: AbortSignal): Promise<void> {
  await shrinkPublication(source, publicationName(id), signal)
  await changeSource(source, signal, async () => {
    await source.query(dropPublicationStatement(id))
    await forgetInstalled(source, id, 'publication', publicationName(id))
  })
}

/** Takes tables out, a batch in a transaction, until few are left. A batch that stands in a lock's way, or of which a table is gone, stays. */
async function shrinkPublication(source: Database, name: string, signal: AbortSignal): Promise<void> {
  const rows = await source.query<{ schema: string; table: string }>(
    `select n.nspname as schema, c.relname as table
       from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
       join pg_class c on c.oid = r.prrelid join pg_namespace n on n.oid = c.relnamespace
      where p.pubname = $1`,
    [name],
  )
  for (let at = 0; rows.length - at > DROPPED_AT_ONCE; at += BATCH) {
    signal.throwIfAborted()
    const batch = rows.slice(at, at + BATCH).map(({ schema, table }) => `only ${qualified(schema, table)}`)
    try {
      await source.transaction(async () => {
        await source.query(`set local lock_timeout = '200ms'`)
        await source.query(`alter publication ${ident(name)} drop table ${batch.join(', ')}`)
      })
    } catch (error) {
      if (sqlState(error) !== UNDEFINED_TABLE && !(error instanceof MigrationError && error.kind === 'LockTimeout')) throw error
    }
  }
}

export function dropPublicationStatement(id: string): string {
  return `drop publication if exists ${ident(publicationName(id))}`
}

/** Which of the tables, by oid, don't belong to a publication, not by a partitioned table above either. None if there is no such publication. */
export async function readUnpublished(source: Database, publication: string, oids: readonly string[]): Promise<string[]> {
  const above = source.version >= 130000 ? ' union all select t.oid, a.relid from t, pg_partition_ancestors(t.oid) a' : ''
  const rows = await source.query<{ oid: string }>(
    // Set-wise: tables and members may be ten thousands.
    `with t as (select oid from pg_class where oid = any ($2::oid[]) and relpersistence = 'p')
     select oid from t where exists (select from pg_publication where pubname = $1)
     except
     select m.oid from (select oid, oid as relid from t${above}) m
       join pg_publication_rel r on r.prrelid = m.relid join pg_publication p on p.oid = r.prpubid and p.pubname = $1`,
    [publication, oidArray(oids)],
  )
  return rows.map(({ oid }) => oid)
}
