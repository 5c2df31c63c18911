import { readLeftOutColumns } from '../mapping/left-out-columns.ts'
import { loadParser, rewriteDefinition } from '../mapping/rewrite-definition.ts'
import { UnrewritableError } from '../mapping/unrewritable-error.ts'
import { readDependents, readSourceRelations } from '../schema/unselected-relations.ts'
import { selectsSchema } from '../spec/selection.ts'
import type { PrecheckContext } from './precheck-context.ts'

interface Routine extends Record<string, string | null> {
  key: string
  schema: string
  definition: string
}

/**
 * What bodies of functions mention that is called otherwise on the target, and stays as it is there: function, line and name. Rewrites the
 * functions that go along, as it will be done with their definitions in the dump. Changes nothing.
 */
export async function readMappedBodies({ source, spec, names }: PrecheckContext): Promise<string[]> {
  await loadParser()
  const leftOut = await readLeftOutColumns(source, names)
  const unselected = (await readSourceRelations(source, spec)).filter(({ selected }) => !selected)
  const blocked = await readDependents(source, unselected, leftOut)
  const remarks: string[] = []
  for (const { key, schema, definition } of await readRoutines(source)) {
    if (selectsSchema(spec, schema) !== 'whole' || blocked.has(key)) continue
    try {
      remarks.push(...rewriteDefinition(definition, names, { leftOut }).remarks)
    } catch (error) {
      // Whether PostgreSQL's own renaming helps is known when the definitions are dumped, before anything is created.
      if (!(error instanceof UnrewritableError)) throw error
    }
  }
  return remarks
}

async function readRoutines(source: PrecheckContext['source']): Promise<Routine[]> {
  const routines = source.version >= 110000 ? `p.prokind in ('f', 'p', 'w')` : 'not p.proisagg'
  return source.query<Routine>(
    `select p.tableoid || ':' || p.oid as key, n.nspname as schema, pg_get_functiondef(p.oid) as definition
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
      where ${routines} and l.lanname not in ('c', 'internal') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
        and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
      order by n.nspname, p.proname, p.oid`,
  )
}
