import { countRecorded } from '../large-objects/large-object-record.ts'
import type { Database } from '../postgres/connect.ts'
import { updateMigrationRecord } from '../state/migration-record.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { CutList } from '../workflows/status.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

type Input = Parameters<MigrationActivities['writeReport']>[0]

/** Collects the report from the target's state and closes the migration's record. */
export function writeReport(services: ActivityServices): MigrationActivities['writeReport'] {
  return migrationActivity(services, async (run, { facts }: Input) => {
    const target = await run.connect('target', 'report')
    const [tables] = await target.query<{ total: string; copied: string; rows: string; bytes: string }>(
      `select count(*) as total, count(copied_at) as copied, coalesce(sum(rows), 0) as rows, coalesce(sum(bytes), 0) as bytes
       from pgmove.migrated_table where id = $1`,
      [run.id],
    )
    const largest = await target.query<{ table: string; rows: string; bytes: string }>(
      `select format('%I.%I', source_schema, source_table) as table, rows, bytes
       from pgmove.migrated_table where id = $1 and copied_at is not null order by bytes desc, 1 limit 20`,
      [run.id],
    )
    const [progress] = await target.query<{ transactions: string; changes: string }>(
      `select transactions, changes from pgmove.progress where id = $1`,
      [run.id],
    )
    const kinds = await target.query<{ kind: string; count: string }>(
      `select kind, count(*) as count from pgmove.entry where id = $1 and restored_at is not null group by kind order by kind`,
      [run.id],
    )
    const largeObjects = await countRecorded(target, run.id)
    if (largeObjects > 0) kinds.push({ kind: 'LARGE OBJECT', count: String(largeObjects) })
    await updateMigrationRecord(target, run.id, { outcome: 'completed', finished_at: new Date(run.services.now()).toISOString() })
    await run.failpoint(FAILPOINTS.reportWritten)
    return {
      id: run.id,
      name: run.spec.name,
      types: run.spec.types,
      tables: { total: Number(tables?.total ?? 0), copied: Number(tables?.copied ?? 0) },
      rows: tables?.rows ?? '0',
      bytes: tables?.bytes ?? '0',
      largest,
      changes: progress?.changes ?? '0',
      transactions: progress?.transactions ?? '0',
      objects: Object.fromEntries(kinds.map(({ kind, count }) => [kind, Number(count)])),
      skipped: await notes(target, run.id, 'skipped'),
      repeated: await notes(target, run.id, 'repeated'),
      durations: facts.durations,
      cutover: facts.cutover,
      sequences: facts.sequences,
      validation: facts.validation,
      metadata: facts.metadata,
      warnings: await warnings(target, run.id, facts.warnings),
      left: facts.left,
    }
  })
}

/** Those of the workflow, and those noted on the target on the way. */
async function warnings(target: Database, id: string, known: readonly string[]): Promise<CutList<string>> {
  const noted = await notes(target, id, 'warning')
  const all = [...known, ...noted.items.map(({ object, reason }) => `${object}: ${reason}`)]
  return { total: known.length + noted.total, items: all.slice(0, 50) }
}

async function notes(target: Database, id: string, kind: string): Promise<CutList<{ object: string; reason: string }>> {
  const rows = await target.query<{ object: string; text: string; total: string }>(
    `select object, left(text, 300) as text, count(*) over () as total from pgmove.note where id = $1 and kind = $2 order by ordinal limit 50`,
    [id, kind],
  )
  return { total: Number(rows[0]?.total ?? 0), items: rows.map(({ object, text }) => ({ object, reason: text })) }
}
