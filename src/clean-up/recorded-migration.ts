import { sqlState } from '../errors/classify.ts'
import type { Database } from '../postgres/connect.ts'
import type { InstalledBy } from '../source/installed.ts'
import { SOURCE_MARK, sourceSchemaComment } from '../source/source-schema.ts'
import { slotName } from '../state/migration-ref.ts'

/** What a migration has recorded on a source, and when it was last seen alive there. */
export interface RecordedMigration extends InstalledBy {
  /** How many things of each kind. */
  readonly recorded: Readonly<Record<string, number>>
  /** A walsender streams from its slot, or a session of it is open. */
  readonly active: boolean
  /** Since its last heartbeat, or since it was installed if it never beat; by the source's clock. */
  readonly idleMs: number
  /** Null if there is no slot. */
  readonly retainedBytes: string | null
}

interface Row extends Record<string, string | null> {
  id: string
  namespace_id: string
  workflow_id: string
  first_run_id: string
  recorded: string
  active: string
  idle_ms: string
  retained: string | null
}

const RETAINED = `case when pg_is_in_recovery() then null else pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::bigint end`
const UNDEFINED_TABLE = '42P01'

/** All migrations recorded on the source, or the one of `id`. None if the schema `pgmove` is not there or not pgmove's. */
export async function readRecordedMigrations(source: Database, id?: string): Promise<RecordedMigration[]> {
  if ((await sourceSchemaComment(source)) !== SOURCE_MARK) return []
  try {
    const rows = await source.query<Row>(
      `select k.id, k.namespace_id, k.workflow_id, k.first_run_id, k.recorded, ${RETAINED} as retained,
              coalesce(s.active, false) or exists (
                select from pg_stat_activity a where a.datname = current_database() and a.pid <> pg_backend_pid()
                   and left(a.application_name, length(k.id) + 8) = 'pgmove ' || k.id || ' ') as active,
              extract(epoch from clock_timestamp() - coalesce(h.beat_at, k.installed_at)) * 1000 as idle_ms
         from (select id, min(namespace_id) as namespace_id, min(workflow_id) as workflow_id, min(first_run_id) as first_run_id,
                      max(at) as installed_at, json_object_agg(kind, n) as recorded
                 from (select id, kind, min(namespace_id) as namespace_id, min(workflow_id) as workflow_id,
                              min(first_run_id) as first_run_id, max(installed_at) as at, count(*) as n
                         from pgmove.installed where $1::text is null or id = $1 group by id, kind) by_kind
                group by id) k
         left join pgmove.dts_postgres_heartbeat h on h.id = k.id
         left join pg_replication_slots s on s.slot_name = 'dts_sync_' || k.id and s.database = current_database()
        order by k.installed_at`,
      [id ?? null],
    )
    return rows.map(recordedMigration)
  } catch (error) {
    // The last migration has just removed the schema.
    if (sqlState(error) === UNDEFINED_TABLE) return []
    throw error
  }
}

function recordedMigration(row: Row): RecordedMigration {
  return {
    id: row.id,
    namespaceId: row.namespace_id,
    workflowId: row.workflow_id,
    firstRunId: row.first_run_id,
    // Counts, by kind: no row values.
    recorded: JSON.parse(row.recorded) as Record<string, number>,
    active: row.active === 't',
    idleMs: Number(row.idle_ms),
    retainedBytes: row.retained,
  }
}

/** Slots of this database that are named as pgmove's but that no migration has recorded. */
export async function readStraySlots(
  source: Database,
  recorded: readonly RecordedMigration[],
): Promise<{ id: string; retainedBytes: string | null }[]> {
  const known = new Set(recorded.map(({ id }) => slotName(id)))
  const slots = await source.query<{ name: string; retained: string | null }>(
    `select s.slot_name as name, ${RETAINED} as retained from pg_replication_slots s
      where s.database = current_database() and s.slot_name ~ '^dts_sync_[0-9a-f]{16}$' order by 1`,
  )
  return slots.filter(({ name }) => !known.has(name)).map(({ name, retained }) => ({ id: name.slice(-16), retainedBytes: retained }))
}
