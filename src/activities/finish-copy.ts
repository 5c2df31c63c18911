import { analyzeParents } from '../copy/analyze-parents.ts'
import { checkCopied } from '../copy/check-copied.ts'
import { checkIndexed } from '../copy/check-indexed.ts'
import { restoreIndexes } from '../schema/restore-indexes.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

/** Builds the indexes that belong to no copied table, and tells how far the stream must be applied; see MigrationActivities. */
export function finishCopy(services: ActivityServices): MigrationActivities['finishCopy'] {
  return migrationActivity(services, async (run) => {
    run.watchSlot({ needed: true })
    const target = await run.connect('target', 'indexes')
    if (run.spec.types.includes('full')) await checkCopied(target, run.id)
    if (run.spec.types.includes('schema')) {
      await restoreIndexes({
        target,
        id: run.id,
        signal: run.signal,
        empty: !run.spec.types.includes('full'),
        onProgress: (done, total) => (run.progress = { done, total }),
      })
      await checkIndexed(target, run.id)
    }
    if (run.spec.types.includes('full')) await analyzeParents(target, run.id, run.signal)
    const [row] = await target.query<{ lsn: string | null; total: string; copied: string; rows: string; bytes: string }>(
      // Not max(lsn): that aggregate came with 13.
      `select (select lsn from pgmove.migrated_table where id = $1 and lsn is not null order by lsn desc limit 1) as lsn,
         count(*) as total, count(copied_at) as copied, coalesce(sum(rows), 0)::bigint as rows,
         coalesce(sum(bytes), 0)::bigint as bytes from pgmove.migrated_table where id = $1`,
      [run.id],
    )
    if (row && run.spec.types.includes('full')) {
      await run.report({
        tables: { total: Number(row.total), copied: Number(row.copied) },
        rows: row.rows,
        bytes: { total: row.bytes, copied: row.bytes },
        rate: 0,
        eta: null,
      })
    }
    await run.failpoint(FAILPOINTS.copyFinished)
    return { catchUpTo: row?.lsn ?? null }
  })
}
