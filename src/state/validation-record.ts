import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import type { DataDifference } from '../validate/data/compare-table.ts'
import { installState } from './install-state.ts'

/** So that a target that differs everywhere does not fill its disk with what says so. */
const KEPT_PER_TABLE = 10_000

/** Forgets what an earlier comparison under the same ID has found. */
export async function clearDataDifferences(target: Database, id: string): Promise<void> {
  const [state] = await target.query<{ there: string }>(`select to_regclass('pgmove.data_difference') is not null as there`)
  if (state?.there === 't') await target.query('delete from pgmove.data_difference where id = $1', [id])
}

/** Keeps the keys of rows that differ on the target, at most 10,000 a table. False if the target role may not. */
export async function recordDataDifferences(target: Database, id: string, differences: readonly DataDifference[]): Promise<boolean> {
  try {
    await installState(target)
    await target.query(
      `insert into pgmove.data_difference (id, source_table, key, kind)
       select $1, x."table", x.key, x.kind from json_to_recordset($2::json) as x ("table" text, key text, kind text)
        where (select count(*) from pgmove.data_difference d where d.id = $1 and d.source_table = x."table") < ${KEPT_PER_TABLE}
       on conflict do nothing`,
      [id, JSON.stringify(differences)],
    )
    return true
  } catch (error) {
    if (error instanceof MigrationError && ['InsufficientPrivilege', 'SchemaMismatch'].includes(error.kind)) return false
    throw error
  }
}

/** The query that shows what was kept. */
export function dataDifferencesQuery(id: string): string {
  return `select source_table, key, kind from pgmove.data_difference where id = '${id}' order by 1, 2`
}
