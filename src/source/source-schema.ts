import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { recordInstalled } from './installed.ts'
import type { InstalledBy } from './installed.ts'
import { retryOnLock } from './retry-on-lock.ts'
import { readTableBlocker } from './slot-blocker.ts'
import type { WaitOptions } from './slot-blocker.ts'

/** Comment of the schema `pgmove` on a source, by which pgmove knows its own. */
export const SOURCE_MARK = 'objects of migrations run by pgmove, format 1'

/** `truncate_log` is there on PostgreSQL 10 only, which does not stream TRUNCATE. */
const TABLES = `
create table pgmove.installed (
  id text,
  kind text,
  name text,
  previous text,
  relation oid,
  namespace_id text not null,
  workflow_id text not null,
  first_run_id text not null,
  installed_at timestamptz not null default clock_timestamp(),
  primary key (id, kind, name)
);
create table pgmove.dts_postgres_heartbeat (
  id text primary key,
  beat bigint not null,
  beat_at timestamptz not null
);
`

/** Fires with the rights of its owner, since the application's role has none on pgmove's table. An error of it fails the TRUNCATE: a swallowed one would be lost. */
const TRUNCATE_LOG = `
create table pgmove.truncate_log (
  entry bigserial primary key,
  id text not null,
  schema_name text not null,
  table_name text not null,
  xid bigint not null default pg_catalog.txid_current(),
  at timestamptz not null default pg_catalog.clock_timestamp()
);
create function pgmove.log_truncate() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
begin
  insert into pgmove.truncate_log (id, schema_name, table_name) values (tg_argv[0], tg_table_schema, tg_table_name);
  return null;
end
$body$;
revoke all on function pgmove.log_truncate() from public;
`

/** PostgreSQL 10 has no TRUNCATE in its stream; a trigger writes it into a table that is streamed (HANDOFF.md, hazard 5). */
export function needsTruncateLog(version: number): boolean {
  return version < 110000
}

/**
 * One transaction of pgmove on the source, one at a time among all migrations of the database. Waits for locks at most 2 s at
 * once, so that the application never queues behind it for longer, and is tried again until it works.
 */
export async function changeSource<T>(
  source: Database,
  signal: AbortSignal,
  body: () => Promise<T>,
  onLocked?: () => Promise<void>,
): Promise<T> {
  const attempt = () =>
    source.transaction(async () => {
      await source.query(`set local lock_timeout = '2s'`)
      await source.query(`select pg_advisory_xact_lock(hashtext('pgmove'), hashtext('source'))`)
      // The capture of DDL passes over what pgmove does itself: 10,000 tables are published in a second, not in a minute.
      await source.query(`set local pgmove.own = 'on'`)
      return body()
    })
  return retryOnLock(signal, attempt, onLocked)
}

/** As changeSource, for a change that needs a lock of `table`: while that can't be had, `onWait` is told who holds one. */
export async function changeTable<T>(source: Database, { signal, onWait }: WaitOptions, table: string, body: () => Promise<T>): Promise<T> {
  let told = false
  const onLocked = async () => {
    const blocker = await readTableBlocker(source, table)
    if (blocker || told) onWait?.(blocker)
    told = blocker !== undefined
  }
  const result = await changeSource(source, signal, body, onLocked)
  if (told) onWait?.(undefined)
  return result
}

/** Makes the schema `pgmove` with its tables unless it is there. Fails if a schema of that name is not pgmove's own. */
export async function installSourceSchema(source: Database, by: InstalledBy, signal: AbortSignal): Promise<void> {
  await changeSource(source, signal, async () => {
    const comment = await sourceSchemaComment(source)
    if (comment === undefined) {
      await source.query('create schema pgmove')
      await source.query(`${TABLES}${needsTruncateLog(source.version) ? TRUNCATE_LOG : ''}comment on schema pgmove is '${SOURCE_MARK}'`)
    } else if (comment !== SOURCE_MARK) {
      throw new MigrationError(
        'SchemaMismatch',
        'On the source: a schema named pgmove exists that was not made by pgmove. Nothing was changed. Rename or drop it, then send the signal resume.',
        { side: 'source' },
      )
    }
    await recordInstalled(source, by, 'schema', 'pgmove')
  })
}

/** Undefined if there is no schema `pgmove`, null if it has no comment. */
export async function sourceSchemaComment(source: Database): Promise<string | null | undefined> {
  const [row] = await source.query<{ comment: string | null }>(
    `select obj_description(oid, 'pg_namespace') as comment from pg_namespace where nspname = 'pgmove'`,
  )
  return row?.comment
}
