import { ident } from '../postgres/quote.ts'
import type { Check } from './check.ts'
import { wholeSchemas } from './check-newer-features.ts'
import { failed, passed, warning } from './finding.ts'
import { oidList } from './table-lists.ts'

/** The operating system's and ICU's collations differ from server to server, and so do their names in the schema pg_catalog. */
export const collations: Check = {
  name: 'collations',
  expected: 'the target has every collation that selected objects use',
  applies: ({ schema }) => schema,
  run: async (context) => {
    const { source, target, tables } = context
    const values = [oidList(tables), wholeSchemas(context)]
    const known = await target.query<{ name: string; provider: string; locale: string | null }>(
      `select collname as name, collprovider as provider, collcollate as locale from pg_collation
        where collnamespace = 'pg_catalog'::regnamespace and collencoding in (-1, (select encoding from pg_database where datname = current_database()))`,
    )
    const names = new Set(known.map(({ name }) => name))
    // Which of PostgreSQL's own collations something depends on; those of every server, such as "C", are in no row of pg_depend.
    const used = await source.query<{ name: string; object: string }>(
      `select distinct d.collname as name, pg_describe_object(d.classid, d.objid, d.objsubid) as object
         -- "offset": other rows, such as the pins of 13 and older, are not to be identified
         from (select d.*, l.collname
                 from pg_depend d
                 join pg_collation l on d.refclassid = 'pg_collation'::regclass and l.oid = d.refobjid and l.collnamespace = 'pg_catalog'::regnamespace
                where d.deptype not in ('e', 'p') offset 0) d
         cross join lateral pg_identify_object(d.classid, d.objid, d.objsubid) i
        where d.classid = 'pg_class'::regclass and d.objid = any ($1::oid[]) or i.schema = any ($2::text[])
        order by 1, 2`,
      values,
    )
    const missing = used.filter(({ name }) => !names.has(name)).map(({ name, object }) => `${ident(name)}: ${object}`)
    const own = await source.query<{ name: string; provider: string; locale: string | null }>(
      `select format('%I.%I', n.nspname, l.collname) as name, l.collprovider as provider, l.collcollate as locale
         from pg_collation l join pg_namespace n on n.oid = l.collnamespace
        where n.nspname = any ($2::text[]) and $1::oid[] is not null order by 1`,
      values,
    )
    if (!known.some(({ provider }) => provider === 'i')) {
      missing.push(...own.filter(({ provider }) => provider === 'i').map(({ name }) => `${name}: the target was built without ICU`))
    }
    const fix =
      "Install the locales on the target's server and run pg_import_system_collations there, or change the collations on the source."
    if (missing.length > 0) return failed(`${missing.length} are missing`, fix, missing)
    const locales = new Set(['C', 'POSIX', ...known.map(({ locale }) => locale)])
    const unsure = own
      .filter(({ provider, locale }) => provider === 'c' && !locales.has(locale))
      .map(({ name, locale }) => `${name}: ${locale ?? ''}`)
    if (unsure.length > 0) return warning(`${unsure.length} have a locale that the target's list does not show`, fix, unsure)
    return passed(used.length + own.length === 0 ? 'none' : 'all are there')
  },
}
