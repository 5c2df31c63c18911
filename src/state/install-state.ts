import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'

/** The comment by which pgmove knows its schema on a target. */
export const TARGET_MARK = 'state of migrations run by pgmove, format 1'

/**
 * The migration's durable state on the target. Every table is keyed by the migration's id, so several migrations share
 * it; rows of finished ones stay as the record of what was done.
 */
const TABLES = `
create table pgmove.migration (
  id text primary key,
  namespace text not null,
  workflow_id text not null,
  first_run_id text not null,
  created_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  outcome text,
  -- identity of the source: IDENTIFY_SYSTEM when the slot was made (or the copy began)
  system_identifier text,
  timeline int,
  slot text,
  publication text,
  consistent_point pg_lsn,
  slot_snapshot text,
  handoff_guarded boolean not null default false,
  schema_dumped boolean not null default false,
  copy_planned boolean not null default false,
  -- of the last snapshot that was shared by all tables (snapshotIdentity); null: no later one is known to equal it
  copy_snapshot text,
  paused boolean not null default false,
  -- limits of the copy, over all workers together; null: none
  megabytes_per_second double precision,
  rows_per_second double precision,
  marker_lsn pg_lsn,
  -- of a cutover behind a fence: which one the marker belongs to, and up to where it is proven that nobody has written since
  marker_for text,
  proof_lsn pg_lsn,
  -- how often what restoreTarget had put back was undone: an attempt of an earlier cutover puts nothing back any more
  restore_round int not null default 0,
  -- the stream writes down the keys of the rows that it changes, see pgmove.changed_key
  keys_logged boolean not null default false,
  -- how the source's names are called on the target (NameMapData), from the first activity that needs it on
  name_map json,
  -- the copy's last report to the workflow: one of the running activities sends it for all
  reported_at timestamptz,
  -- how far the copies were then, and their rates (RateSample); null after a pause
  reported json
);
-- The one row that is written in the same transaction as replicated data. Half-filled pages keep its updates HOT.
create table pgmove.progress (
  id text primary key references pgmove.migration,
  epoch bigint not null default 0,
  commit_lsn pg_lsn not null default '0/0',
  confirmed_lsn pg_lsn not null default '0/0',
  transactions bigint not null default 0,
  changes bigint not null default 0,
  -- commit record of the last source transaction that changed anything here
  changed_lsn pg_lsn not null default '0/0',
  applied_at timestamptz
) with (fillfactor = 50);
-- One row a selected table that holds rows (partitions, not their roots), with its name on the target. The snapshot stands in it
-- from the commit that made the copy final.
create table pgmove.migrated_table (
  id text not null references pgmove.migration,
  source_schema text not null,
  source_table text not null,
  target_schema text not null,
  target_table text not null,
  -- of the table that has that name on the source: when it was copied, before when it was planned
  source_oid oid,
  -- [[source, target], …] of the chosen columns in the source's order; null: all, under their own names
  columns json,
  work_group int not null default 0,
  estimated_rows bigint not null default 0,
  estimated_bytes bigint not null default 0,
  -- bytes of COPY that its rows are expected to make, measured on some of them; null: not measured
  expected_bytes bigint,
  attempts int not null default 0,
  rows bigint not null default 0,
  bytes bigint not null default 0,
  snapshot text,
  lsn pg_lsn,
  timeline int,
  system_identifier text,
  copied_at timestamptz,
  indexed_at timestamptz,
  -- why it is to be copied again; until it is, its changes are not applied, and the slot keeps them
  copy_again text,
  -- of a table that was copied again: what was committed below is in its copy or applied; null: the table is where the others are
  behind_lsn pg_lsn,
  -- why its changes are no longer applied, and up to which position it has them
  left_out text,
  left_out_lsn pg_lsn,
  primary key (id, source_schema, source_table)
);
-- How far the copies that run now are. Apart from migrated_table: a copy holds its row there locked until it is final.
create table pgmove.copy_progress (
  id text not null references pgmove.migration,
  source_schema text not null,
  source_table text not null,
  rows bigint not null,
  bytes bigint not null,
  -- bytes per second over about the last 30 seconds; null: not known yet
  rate bigint,
  primary key (id, source_schema, source_table)
);
-- Parts of a big table that are copied at once under one snapshot, of its latest attempt. The table counts as copied only with
-- its own record, made when every part is in.
create table pgmove.copy_chunk (
  id text not null references pgmove.migration,
  source_schema text not null,
  source_table text not null,
  attempt int not null,
  chunk int not null,
  range text not null,
  rows bigint,
  bytes bigint,
  copied_at timestamptz,
  primary key (id, source_schema, source_table, chunk)
);
-- The table of contents of the source's pg_dump archive, with what became of each entry.
create table pgmove.entry (
  id text not null references pgmove.migration,
  ordinal int not null,
  dump_id int not null,
  stage text not null,
  kind text not null,
  schema text,
  name text not null,
  table_schema text,
  table_name text,
  definition text not null,
  dependencies int[] not null,
  restored_at timestamptz,
  skipped text,
  primary key (id, dump_id)
);
create index entry_by_table on pgmove.entry (id, stage, table_schema, table_name);
-- Indexes that are built and wait to become the constraint of their entry.
create table pgmove.built_index (
  id text not null references pgmove.migration,
  dump_id int not null,
  primary key (id, dump_id)
);
-- Owners, grants, default privileges and settings, one statement each, made when everything else is done; with a reason where
-- that is left to a person.
create table pgmove.access_change (
  id text not null references pgmove.migration,
  ordinal int not null,
  kind text not null,
  object text not null,
  role text,
  as_role text,
  schema text,
  statement text not null,
  left_reason text,
  done_at timestamptz,
  primary key (id, ordinal)
);
-- What pgmove switched off or weakened on the target until cutover, with the statement that puts it back.
create table pgmove.object_change (
  id text not null references pgmove.migration,
  ordinal bigserial,
  kind text not null,
  object text not null,
  own boolean not null,
  restore text not null,
  -- of a foreign key that was dropped for a copy: [[schema, table], …], both ends
  tables json,
  restored_at timestamptz,
  primary key (id, kind, object)
);
-- Warnings, skipped objects and repeated work, for status and report.
create table pgmove.note (
  id text not null references pgmove.migration,
  ordinal bigserial,
  kind text not null,
  object text not null,
  text text not null,
  noted_at timestamptz not null default clock_timestamp(),
  primary key (id, kind, object)
);
-- What the comparison of the catalogues found when the migration was done.
create table pgmove.metadata_difference (
  id text not null references pgmove.migration,
  kind text not null,
  object text not null,
  attribute text not null,
  source text,
  target text
);
create index metadata_difference_by_id on pgmove.metadata_difference (id);
-- Rows that differ, by their keys (JSON arrays of texts; without a key the hashes of rows), as the last comparison of data under an ID found them:
-- a migration's, or that of a run of validateMigration.
create table pgmove.data_difference (
  id text not null,
  source_table text not null,
  key text not null,
  kind text not null,
  found_at timestamptz not null default clock_timestamp()
);
create unique index data_difference_once on pgmove.data_difference (id, source_table, md5(key), kind);
-- Rows that the stream has changed since the data was compared before a cutover: by their keys (JSON arrays of texts) and the columns of these;
-- a null key: any row of the table may have changed.
create table pgmove.changed_key (
  id text not null references pgmove.migration,
  target_schema text not null,
  target_table text not null,
  columns text,
  key text
);
create unique index changed_key_once on pgmove.changed_key (id, target_schema, target_table, md5(coalesce(key, '')));
-- Those of them that are compared again while changes stream in: one that changes meanwhile is in the other table anew.
create table pgmove.rechecked_key (
  id text not null references pgmove.migration,
  target_schema text not null,
  target_table text not null,
  columns text,
  key text
);
create unique index rechecked_key_once on pgmove.rechecked_key (id, target_schema, target_table, md5(coalesce(key, '')));
-- Large objects that go along, under the source's OIDs.
create table pgmove.large_object (
  id text not null references pgmove.migration,
  large_object oid not null,
  -- false: it was on the target before, with the same content
  made boolean not null,
  -- null while its content is on its way
  copied_at timestamptz,
  primary key (id, large_object)
);
create index large_object_by_oid on pgmove.large_object (large_object);
create table pgmove.sequence_value (
  id text not null references pgmove.migration,
  schema text not null,
  name text not null,
  last_value text not null,
  is_called boolean not null,
  set_at timestamptz not null default clock_timestamp(),
  primary key (id, schema, name)
);
`

/**
 * Creates pgmove's state on the target unless it is there. A schema `pgmove` that somebody else made for the target role is used if it
 * is empty: a role that may not create schemas needs one.
 *
 * @throws MigrationError `SchemaMismatch` if a schema of that name is neither
 */
export async function installState(target: Database): Promise<void> {
  await target.transaction(async () => {
    await target.query(`select pg_advisory_xact_lock(hashtext('pgmove state'))`)
    const [found] = await target.query<{ comment: string | null }>(
      `select obj_description(oid, 'pg_namespace') as comment from pg_namespace where nspname = 'pgmove'`,
    )
    if (found?.comment === TARGET_MARK) return
    if (found && !(await isUsable(target))) {
      throw new MigrationError(
        'SchemaMismatch',
        'On the target: a schema named pgmove exists that was not made by pgmove. Nothing was changed. Rename or drop it, then send the signal resume.',
        { side: 'target' },
      )
    }
    if (!found) await target.query('create schema pgmove')
    await target.query(TABLES)
    await target.query(`comment on schema pgmove is '${TARGET_MARK}'`)
  })
}

/** Whether the schema `pgmove` belongs to the target role and holds nothing. */
export async function isUsable(target: Database): Promise<boolean> {
  const [row] = await target.query<{ usable: string }>(
    `select pg_has_role(nspowner, 'usage')
            and not exists (select from pg_class where relnamespace = n.oid) and not exists (select from pg_proc where pronamespace = n.oid)
            and not exists (select from pg_type where typnamespace = n.oid) as usable
       from pg_namespace n where nspname = 'pgmove'`,
  )
  return row?.usable === 't'
}
