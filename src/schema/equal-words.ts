import { sqlState } from '../errors/classify.ts'
import type { Database } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'
import type { TocEntry } from './archive-toc.ts'

/**
 * Kinds whose text the server itself words anew: 16 and 17 leave table names out that older versions write, and names that PostgreSQL
 * has renamed are worded otherwise than rewritten ones.
 */
export function hasWords(entry: Pick<TocEntry, 'kind'>): boolean {
  return WORDS[entry.kind] !== undefined
}

/** How the server words an object, and how the object gives way for a new one of its name. */
interface Words {
  /** One row with one column `words`; $1 is the schema, $2 the tag (of a rule or policy: table, blank, name). */
  readonly query: string
  /** The statement that makes room. */
  readonly giveWay: (schema: string, tag: string, found: { readonly relation: string; readonly name: string }) => string
}

const VIEW: Words = {
  query: `select c.relname as relation, '' as name,
                 row(c.relkind, c.reloptions, pg_get_viewdef(c.oid),
                     array(select row(attname, format_type(atttypid, atttypmod), attcollation)::text from pg_attribute
                            where attrelid = c.oid and attnum > 0 order by attnum))::text as words
            from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2`,
  giveWay: (schema, tag) => `alter table ${qualified(schema, tag)} rename to pgmove_compared`,
}

const WORDS: Readonly<Record<string, Words>> = {
  VIEW,
  'MATERIALIZED VIEW': VIEW,
  RULE: {
    query: `select c.relname as relation, r.rulename as name,
                   case r.rulename when '_RETURN' then pg_get_viewdef(c.oid) else pg_get_ruledef(r.oid) end || r.ev_enabled::text as words
              from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = $1 and c.relname || ' ' || r.rulename = $2`,
    // CREATE OR REPLACE is what pg_dump writes for a view's rule, which can't be dropped.
    giveWay: (schema, _, { relation, name }) => (name === '_RETURN' ? '' : `drop rule ${ident(name)} on ${qualified(schema, relation)}`),
  },
  POLICY: {
    query: `select c.relname as relation, p.polname as name,
                   row(p.polcmd, p.polpermissive, array(select unnest(p.polroles) order by 1), pg_get_expr(p.polqual, p.polrelid),
                       pg_get_expr(p.polwithcheck, p.polrelid))::text as words
              from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = $1 and c.relname || ' ' || p.polname = $2`,
    giveWay: (schema, _, { relation, name }) => `drop policy ${ident(name)} on ${qualified(schema, relation)}`,
  },
}

/**
 * Whether an object of the target has the source's definition: the server takes the definition in a transaction that is rolled back,
 * and words both.
 */
export async function sameWords(target: Database, { kind, schema, tag, definition }: TocEntry): Promise<boolean> {
  const words = WORDS[kind]
  if (!words || schema === null) return false
  const read = async () => {
    const [row] = await target.query<{ relation: string; name: string; words: string }>(words.query, [schema, tag])
    return row
  }
  await target.query('begin')
  try {
    await target.query(`set local lock_timeout = '2s'`)
    const before = await read()
    if (!before) return false
    const giveWay = words.giveWay(schema, tag, before)
    if (giveWay !== '') await target.query(giveWay)
    await target.query(definition)
    return before.words === (await read())?.words
  } catch (error) {
    // What the target refuses to create is something else than what it has.
    if (/^(42|0A|22|2B)/.test(sqlState(error) ?? '')) return false
    throw error
  } finally {
    await target.query('rollback').catch(() => undefined)
  }
}
