import { detachForeignKeys } from '../copy/detach-foreign-keys.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import { takeOver } from '../replication/progress.ts'
import { selects } from '../spec/selection.ts'
import { readMigratedTables } from '../state/migrated-table.ts'
import { readNameMap } from '../state/name-map-record.ts'
import { leaveOut, markToCopyAgain } from '../state/table-resolution.ts'
import type { SourceName } from '../state/table-resolution.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityRun, ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

type Input = Parameters<MigrationActivities['resolveTable']>[0]

/** Writes an operator's answer for one table down; see MigrationActivities. */
export function resolveTable(services: ActivityServices): MigrationActivities['resolveTable'] {
  return migrationActivity(services, async (run, { table, action, waitedFor }: Input) => {
    const target = await run.connect('target', 'resolve')
    const name = qualified(table.schema, table.table)
    const found = await findOrAdopt(run, target, table)
    if (found === undefined) {
      return { warning: null, problem: `resolve: ${name} is no table of this migration, and none on the source that the spec selects.` }
    }
    // Its first copy begins from its start anyway.
    if (action === 'copyAgain' && found === 'not copied yet') return { warning: null, problem: null }
    const reason = `by the signal resolve${waitedFor === null ? '' : `, after ${waitedFor}`}`
    const lsn = await target.transaction(async () => {
      // Whoever still applies changes by the old state can't commit any more.
      await takeOver(target, run.id)
      if (action === 'leaveOut') return leaveOut(target, run.id, table, reason)
      await markToCopyAgain(target, run.id, table, reason)
      return undefined
    })
    if (lsn === undefined) {
      await run.failpoint(FAILPOINTS.tableResolved)
      return { warning: null, problem: null }
    }
    const keys = await letKeysGo(run, target, table)
    await run.failpoint(FAILPOINTS.tableResolved)
    return { warning: warning(name, lsn, keys, run.spec.types.includes('incremental')), problem: null }
  })
}

function warning(name: string, lsn: string, keys: readonly string[], incremental: boolean): string {
  const off =
    keys.length === 0
      ? 'Foreign keys from it and to it'
      : `The foreign keys ${keys.slice(0, 5).join(', ')}${keys.length > 5 ? ` and ${keys.length - 5} more` : ''}`
  const state = lsn === NOWHERE ? 'It is not copied' : `Its changes after ${lsn} are not applied`
  const back = incremental ? ' The signal resolve with the action copyAgain takes it back.' : ''
  return (
    `Left out: ${name}. ${state}; what the target has of it stays. ${off} are off until the end and ` +
    `stay NOT VALID if rows break them then.${back}`
  )
}

/** Nothing of the table was copied or applied. */
const NOWHERE = '0/0'

/** The changes of other tables must not be held up by keys from a table that stands still, or to it. Returns those that are off now. */
async function letKeysGo(run: ActivityRun, target: Database, { schema, table }: SourceName): Promise<string[]> {
  const [migrated] = (await readMigratedTables(target, run.id)).filter((t) => t.sourceSchema === schema && t.sourceTable === table)
  if (!migrated) return []
  const { targetSchema, targetTable } = migrated
  const dropped = await detachForeignKeys({ target, id: run.id, schema: targetSchema, table: targetTable, replicaRole: false })
  // Those that went before, in an attempt that was killed or for a copy.
  const off = await target.query<{ object: string }>(
    `select object from pgmove.object_change
      where id = $1 and kind = 'foreign_key' and restored_at is null and tables::jsonb @> jsonb_build_array(jsonb_build_array($2::text, $3::text)) order by 1`,
    [run.id, targetSchema, targetTable],
  )
  return [...new Set([...dropped, ...off.map(({ object }) => object)])]
}

/** A selected table that came after the migration's begin joins its tables; undefined if there is none to join. */
async function findOrAdopt(
  run: ActivityRun,
  target: Database,
  { schema, table }: SourceName,
): Promise<'there' | 'not copied yet' | undefined> {
  const known = (await readMigratedTables(target, run.id)).find((t) => t.sourceSchema === schema && t.sourceTable === table)
  if (known) return (known.copiedAt ?? known.copyAgain ?? known.leftOut) ? 'there' : 'not copied yet'
  if (!selects(run.spec, schema, table)) return undefined
  const source = await run.connect('source', 'resolve')
  const [there] = await source.query(`select from pg_class where oid = to_regclass($1) and relkind = 'r' and relpersistence <> 't'`, [
    qualified(schema, table),
  ])
  if (!there) return undefined
  const names = await readNameMap(target, run.id)
  const { schema: targetSchema, name: targetTable } = names.relation({ schema, name: table })
  const columns = names.columns({ schema, name: table })
  await target.query(
    `insert into pgmove.migrated_table (id, source_schema, source_table, target_schema, target_table, columns) values ($1, $2, $3, $4, $5, $6)
     on conflict (id, source_schema, source_table) do nothing`,
    [run.id, schema, table, targetSchema, targetTable, columns === undefined ? null : JSON.stringify([...columns])],
  )
  return 'there'
}
