import { sqlState } from '../errors/classify.ts'
import { MigrationError } from '../errors/migration-error.ts'
import { ident, literal } from '../postgres/quote.ts'
import type { Check } from './check.ts'
import { wholeSchemas } from './check-newer-features.ts'
import { failed, passed, warning } from './finding.ts'
import type { PrecheckContext } from './precheck-context.ts'
import { oidList } from './table-lists.ts'

interface LibraryRow extends Record<string, string | null> {
  name: string
  library: string
}

/** Functions in C come without their code: it has to be on the target's server. */
export const cFunctions: Check = {
  name: 'c_functions',
  expected: "the target's server has the libraries of selected functions in C",
  applies: ({ schema }) => schema,
  run: async (context) => {
    const { source, target, targetRole } = context
    const functions = await source.query<LibraryRow>(
      `select p.oid::regprocedure::text as name, p.probin as library
         from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
        where l.lanname = 'c' and n.nspname = any ($1::text[])
          and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
        order by 2, 1`,
      [wholeSchemas(context)],
    )
    if (functions.length === 0) return passed('none')
    const lacking: string[] = []
    const unsure: string[] = []
    for (const library of new Set(functions.map((row) => row.library))) {
      const found = targetRole.superuser ? await loads(target, library) : 'unsure'
      const names = functions.filter((row) => row.library === library).map(({ name }) => `${name} in ${ident(library)}`)
      if (found === 'no') lacking.push(...names)
      if (found === 'unsure') unsure.push(...names)
    }
    const fix = "Install the libraries on the target's server for its major version, or drop the functions from the source."
    if (lacking.length > 0) return failed(`the libraries of ${lacking.length} functions are missing`, fix, lacking)
    if (unsure.length > 0) return warning(`whether the libraries of ${unsure.length} functions are there can't be told`, fix, unsure)
    return passed(`${functions.length}, whose libraries are there`)
  },
}

const UNDEFINED_FILE = '58P01'

/** LOAD reads the library into this session alone. */
async function loads(target: PrecheckContext['target'], library: string): Promise<'yes' | 'no' | 'unsure'> {
  try {
    await target.query(`load ${literal(library)}`)
    return 'yes'
  } catch (error) {
    const state = sqlState(error)
    if (state === undefined || (error instanceof MigrationError && error.kind === 'ConnectionLost')) throw error
    // 55000: made for another major version.
    return state === UNDEFINED_FILE || state === '55000' || state === 'XX000' ? 'no' : 'unsure'
  }
}

/** Languages of functions that the target neither has nor gets with an extension. */
export const languages: Check = {
  name: 'languages',
  expected: 'the target has the languages of selected functions, or they can be created there',
  applies: ({ schema }) => schema,
  run: async (context) => {
    const { source, target } = context
    const used = await source.query<{ name: string; functions: string }>(
      `select l.lanname as name, count(*) as functions
         from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
         join pg_proc h on h.oid = l.lanplcallfoid
        where n.nspname = any ($1::text[])
          and not exists (select from pg_depend d where d.classid = 'pg_language'::regclass and d.objid = l.oid and d.deptype = 'e')
          and h.pronamespace = 'pg_catalog'::regnamespace
        group by 1 order by 1`,
      [wholeSchemas(context)],
    )
    const known = await target.query<{ name: string }>('select lanname as name from pg_language')
    const missing = used.filter(({ name }) => !known.some((language) => language.name === name))
    // A language whose handler is a function of the user's own comes along; so does one that an extension of its name makes.
    const lacking: string[] = []
    for (const { name, functions } of missing) {
      const [available] = await target.query('select from pg_available_extensions where name = $1', [name])
      if (!available) lacking.push(`${ident(name)} of ${functions} functions`)
    }
    if (lacking.length === 0) return passed(missing.length === 0 ? 'none is missing' : 'those that are missing can be created')
    return failed(`${lacking.length} are missing`, "Install the languages on the target's server and create them there.", lacking)
  },
}

export const tablespaces: Check = {
  name: 'tablespaces',
  expected: 'the target has the tablespaces of selected tables and their indexes',
  applies: ({ schema }) => schema,
  run: async ({ source, target, tables }) => {
    const used = await source.query<{ name: string; relations: string }>(
      `select t.spcname as name, count(distinct r.oid) as relations
         from pg_class c left join pg_index i on i.indrelid = c.oid join pg_class r on r.oid in (c.oid, i.indexrelid)
         join pg_tablespace t on t.oid = r.reltablespace
        where c.oid = any ($1::oid[]) group by 1 order by 1`,
      [oidList(tables)],
    )
    const known = await target.query<{ name: string }>('select spcname as name from pg_tablespace')
    const missing = used.filter(({ name }) => !known.some((space) => space.name === name))
    if (missing.length === 0) return passed(used.length === 0 ? 'none' : 'all are there')
    return warning(
      `${missing.length} are missing`,
      "Create them on the target, or ignore this warning: the tables and indexes will be in the database's default tablespace.",
      missing.map(({ name, relations }) => `${ident(name)} of ${relations} relations`),
    )
  },
}
