import { ident } from '../postgres/quote.ts'
import type { Check } from './check.ts'
import { failed, passed, warning } from './finding.ts'
import { oidList } from './table-lists.ts'

/** Extensions of the source that the target lacks: those that are brought along for sure stop the migration. */
export const extensions: Check = {
  name: 'extensions',
  expected: "the source's extensions are on the target, or can be created there",
  applies: ({ schema }) => schema,
  run: async ({ source, target, spec, tables }) => {
    const installed = await source.query<{ name: string; used: string }>(
      `select e.extname as name,
              exists (select from pg_depend d
                        join pg_type t on t.oid = d.objid
                        join pg_attribute a on a.atttypid in (t.oid, t.typarray) and a.attrelid = any ($1::oid[]) and not a.attisdropped
                       where d.classid = 'pg_type'::regclass and d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.deptype = 'e') as used
         from pg_extension e where e.extname <> 'plpgsql' order by 1`,
      [oidList(tables)],
    )
    if (installed.length === 0) return passed('none')
    const there = new Set((await target.query<{ name: string }>('select extname as name from pg_extension')).map(({ name }) => name))
    const lacking = installed.filter(({ name }) => !there.has(name))
    if (lacking.length === 0) return passed('all are there')
    const available = new Set((await target.query<{ name: string }>('select name from pg_available_extensions')).map(({ name }) => name))
    const missing = lacking.filter(({ name }) => !available.has(name))
    if (missing.length === 0)
      return passed(
        'those that are not there can be created',
        lacking.map(({ name }) => ident(name)),
      )
    const names = missing.map(({ name }) => ident(name))
    const fix = "Install the extensions' packages on the target's server, or drop them from the source."
    const needed = spec.objects === null || missing.some(({ used }) => used === 't')
    return needed ? failed(`${missing.length} are not available`, fix, names) : warning(`${missing.length} are not available`, fix, names)
  },
}
