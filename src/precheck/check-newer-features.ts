import { ident } from '../postgres/quote.ts'
import { selectsSchema } from '../spec/selection.ts'
import type { Check } from './check.ts'
import { failed, passed } from './finding.ts'
import { NEWER_FEATURES } from './newer-features.ts'
import type { PrecheckContext } from './precheck-context.ts'
import { oidList } from './table-lists.ts'

/** Schemas of which everything is selected, as an array of PostgreSQL's. */
export function wholeSchemas({ schemas, spec }: Pick<PrecheckContext, 'schemas' | 'spec'>): string {
  const names = schemas.filter((name) => selectsSchema(spec, name) === 'whole')
  return `{${names.map((name) => `"${name.replaceAll(/["\\]/g, '\\$&')}"`).join(',')}}`
}

/** With the type "schema": definitions that an older target can't take in any words. */
export const newerFeatures: Check = {
  name: 'newer_features',
  expected: "no selected object uses what the target's version does not have",
  applies: ({ schema, source, target }) => schema && Math.floor(target.version / 10_000) < Math.floor(source.version / 10_000),
  run: async (context) => {
    const { source, target, tables } = context
    const objects: string[] = []
    for (const { name, since, query } of NEWER_FEATURES) {
      if (source.version < since || target.version >= since) continue
      const rows = await source.query<{ object: string }>(`${query} order by 1`, [oidList(tables), wholeSchemas(context)])
      objects.push(...rows.map(({ object }) => `${object} (${name}, since ${since / 10_000})`))
    }
    objects.push(...(await unknownTypes(context)))
    if (objects.length === 0) return passed('none')
    return failed(
      `${objects.length} objects`,
      `Change them on the source so that PostgreSQL ${Math.floor(target.version / 10_000)} can have them, exclude them, or take a newer target.`,
      objects,
    )
  },
}

/** Columns of PostgreSQL's own types that the target lacks. */
async function unknownTypes({ source, target, tables }: PrecheckContext): Promise<string[]> {
  const rows = await source.query<{ object: string; type: string }>(
    `select format('%I.%I.%I', n.nspname, c.relname, a.attname) as object, coalesce(e.typname, t.typname) as type
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       join pg_type t on t.oid = a.atttypid left join pg_type e on e.oid = t.typelem and t.typlen = -1
      where c.oid = any ($1::oid[]) and coalesce(e.typnamespace, t.typnamespace) = 'pg_catalog'::regnamespace
        and coalesce(e.typtype, t.typtype) <> 'm'
      order by n.nspname, c.relname, a.attnum`,
    [oidList(tables)],
  )
  const known = await target.query<{ name: string }>(`select typname as name from pg_type where typnamespace = 'pg_catalog'::regnamespace`)
  const names = new Set(known.map(({ name }) => name))
  return rows.filter(({ type }) => !names.has(type)).map(({ object, type }) => `${object} (of the type ${ident(type)})`)
}
