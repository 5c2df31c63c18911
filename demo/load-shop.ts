import { readFile } from 'node:fs/promises'
import { withSession } from './session.ts'

const FILES = ['definitions', 'data', 'constraints'] as const

/**
 * Fills an empty database with the sample shop.
 *
 * @param scale 1 gives about 830,000 rows; tests take less
 */
export async function loadShop(url: string, scale = 1): Promise<void> {
  await withSession(url, async ({ query }) => {
    await query(`set shop.scale = '${scale}'`)
    for (const name of FILES) await query(await readFile(new URL(`shop/${name}.sql`, import.meta.url), 'utf8'))
    await query('analyze')
  })
}

/** How big the shop is, for the eye. */
export async function shopSize(url: string): Promise<{ tables: number; rows: number; size: string }> {
  return await withSession(url, async ({ query }) => {
    const [row] = await query(`
      select count(*) as tables, sum(greatest(reltuples, 0))::bigint as rows, pg_size_pretty(pg_database_size(current_database())) as size
      from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname in ('shop', 'stock', 'audit')`)
    return { tables: Number(row?.['tables']), rows: Number(row?.['rows']), size: row?.['size'] ?? '' }
  })
}
