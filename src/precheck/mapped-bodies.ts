import { readLeftOutColumns } from '../mapping/left-out-columns.ts'
import { loadParser, rewriteDefinition } from '../mapping/rewrite-definition.ts'
import { UnrewritableError } from '../mapping/unrewritable-error.ts'
import { qualified } from '../postgres/quote.ts'
import { readDependents, readSourceRelations } from '../schema/unselected-relations.ts'
import { selects, selectsSchema } from '../spec/selection.ts'
import type { PrecheckContext } from './precheck-context.ts'

/** What rewriting the bodies of functions and views will meet. */
export interface MappedBodies {
  /** Function, line and name. */
  readonly remarks: readonly string[]
  /** Functions and views that can't be rewritten, with the reason. */
  readonly unrewritable: readonly string[]
}

interface Body extends Record<string, string | null> {
  key: string
  kind: 'function' | 'view'
  schema: string
  name: string
  definition: string
}

const read = new WeakMap<PrecheckContext, Promise<MappedBodies>>()

/**
 * Rewrites the functions and views that go along, as it will be done with their definitions in the dump; once in a precheck. Changes
 * nothing.
 */
export function mappedBodies(context: PrecheckContext): Promise<MappedBodies> {
  const known = read.get(context) ?? readMappedBodies(context)
  read.set(context, known)
  return known
}

async function readMappedBodies({ source, spec, names }: PrecheckContext): Promise<MappedBodies> {
  await loadParser()
  const leftOut = await readLeftOutColumns(source, names)
  const unselected = (await readSourceRelations(source, spec)).filter(({ selected }) => !selected)
  const blocked = await readDependents(source, unselected, leftOut)
  const remarks: string[] = []
  const unrewritable: string[] = []
  for (const { key, kind, schema, name, definition } of await readBodies(source)) {
    const selected = kind === 'view' ? selects(spec, schema, name) : selectsSchema(spec, schema) === 'whole'
    if (!selected || blocked.has(key)) continue
    try {
      remarks.push(...rewriteDefinition(definition, names, { leftOut }).remarks)
    } catch (error) {
      if (!(error instanceof UnrewritableError)) throw error
      unrewritable.push(`${kind} ${qualified(schema, name)}: ${error.reason}`)
    }
  }
  return { remarks, unrewritable }
}

async function readBodies(source: PrecheckContext['source']): Promise<Body[]> {
  const routines = source.version >= 110000 ? `p.prokind in ('f', 'p', 'w')` : 'not p.proisagg'
  return source.query<Body>(
    `select p.tableoid || ':' || p.oid as key, 'function' as kind, n.nspname as schema, p.proname as name, pg_get_functiondef(p.oid) as definition
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
      where ${routines} and l.lanname not in ('c', 'internal') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
        and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
     union all
     select c.tableoid || ':' || c.oid, 'view', n.nspname, c.relname, format('create view %I.%I as %s', n.nspname, c.relname, pg_get_viewdef(c.oid))
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('v', 'm') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
        and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
      order by 2, 3, 4`,
  )
}
