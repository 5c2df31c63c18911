import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { installState } from './install-state.ts'
import { migrationId } from './migration-ref.ts'
import type { MigrationRef } from './migration-ref.ts'

/** A row of `pgmove.migration`; every value as PostgreSQL prints it. */
export interface MigrationRecord extends Record<string, string | null> {
  id: string
  system_identifier: string | null
  timeline: string | null
  slot: string | null
  publication: string | null
  consistent_point: string | null
  slot_snapshot: string | null
  /** 't' once the guard of HANDOFF.md R2 has passed. */
  handoff_guarded: string
  schema_dumped: string
  copy_planned: string
  paused: string
  copy_snapshot: string | null
  marker_lsn: string | null
  /** 't' while the keys of changed rows are written down. */
  keys_logged: string
  outcome: string | null
}

/** The migration's row on the target, made when it is not there; also its progress row. */
export async function openMigrationRecord(target: Database, ref: MigrationRef): Promise<MigrationRecord> {
  await installState(target)
  const id = migrationId(ref)
  await target.query(
    `insert into pgmove.migration (id, namespace, workflow_id, first_run_id) values ($1, $2, $3, $4) on conflict (id) do nothing`,
    [id, ref.namespace, ref.workflowId, ref.firstRunId],
  )
  await target.query(`insert into pgmove.progress (id) values ($1) on conflict (id) do nothing`, [id])
  return readMigrationRecord(target, id)
}

/** The migration's row; fails if the target's state was removed. */
export async function readMigrationRecord(target: Database, id: string): Promise<MigrationRecord> {
  const [row] = await target.query<MigrationRecord>(`select * from pgmove.migration where id = $1`, [id])
  if (row) return row
  throw new MigrationError(
    'TargetDiverged',
    `On the target: the state of migration ${id} in schema pgmove is gone. pgmove does not go on without it. Restore the schema, or cancel and start again with "existing": "replace".`,
    { side: 'target' },
  )
}

/** Sets columns of the migration's row. Column names are constants of the caller. */
export async function updateMigrationRecord(target: Database, id: string, values: Readonly<Record<string, string | null>>): Promise<void> {
  const names = Object.keys(values)
  const set = names.map((name, i) => `${name} = $${i + 2}`).join(', ')
  await target.query(`update pgmove.migration set ${set} where id = $1`, [id, ...Object.values(values)])
}

/** Remembers a warning, a skipped object or repeated work for status and report; the same object twice is once. */
export async function note(
  target: Database,
  id: string,
  kind: 'warning' | 'skipped' | 'repeated',
  object: string,
  text: string,
): Promise<void> {
  await target.query(
    `insert into pgmove.note (id, kind, object, text) values ($1, $2, $3, $4) on conflict (id, kind, object) do update set text = excluded.text`,
    [id, kind, object, text],
  )
}
