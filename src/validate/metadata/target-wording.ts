import { sqlState } from '../../errors/classify.ts'
import type { Database } from '../../postgres/connect.ts'

/**
 * Whether the target itself words two queries alike: it takes both as temporary views in a transaction that is rolled back. False if it
 * can't or may not, as a standby.
 */
export async function sameOnTarget(target: Database, source: string, query: string): Promise<boolean> {
  try {
    return (await wording(target, source)) === (await wording(target, query))
  } catch (error) {
    if (sqlState(error) !== undefined && !/^(08|53|57)/.test(sqlState(error) ?? '')) return false
    throw error
  }
}

async function wording(target: Database, query: string): Promise<string> {
  await target.query('begin')
  try {
    await target.query(`set local lock_timeout = '2s'`)
    await target.query(`create temporary view pgmove_compared as ${query}`)
    const [row] = await target.query<{ text: string }>(`select pg_get_viewdef('pg_temp.pgmove_compared'::regclass) as text`)
    return row?.text ?? ''
  } finally {
    await target.query('rollback').catch(() => undefined)
  }
}

/** A definition under the source's names, with the statements that give the target's relations these names and take them back. */
export interface RenamingParts {
  readonly before: readonly string[]
  readonly statement: string
  readonly after: readonly string[]
}

/** An object of the target whose text is compared. */
export interface WordedObject {
  readonly kind: string
  readonly oid: string
  /** Its text on the target, as a statement. */
  readonly statement: string
}

const READ_BACK: Readonly<Record<string, string>> = {
  rule: 'pg_get_ruledef',
  function: 'pg_get_functiondef',
  procedure: 'pg_get_functiondef',
}

/**
 * Whether the target words the source's definition as its own, when the relations have the source's names for a moment: so PostgreSQL
 * itself does the renaming. All in a transaction that is rolled back; false if it can't be.
 */
export async function sameByRenaming(
  target: Database,
  { before, statement, after }: RenamingParts,
  object: WordedObject,
): Promise<boolean> {
  const query = queryIn(statement)
  const own = queryIn(object.statement)
  const readBack = READ_BACK[object.kind]
  if ((query === undefined || own === undefined) && readBack === undefined) return false
  const read = `select ${readBack ?? ''}($1::oid) as text`
  await target.query('begin')
  try {
    await target.query(`set local lock_timeout = '2s'`)
    const [there] = readBack === undefined ? [] : await target.query<{ text: string }>(read, [object.oid])
    if (before.length > 0) await target.query(before.join('\n'))
    if (readBack === undefined) await target.query(`create temporary view pgmove_compared as ${query ?? ''}`)
    else await target.query(statement.replace(/^\s*CREATE RULE/, 'CREATE OR REPLACE RULE'))
    if (after.length > 0) await target.query(after.join('\n'))
    if (readBack !== undefined) return there?.text === (await target.query<{ text: string }>(read, [object.oid]))[0]?.text
    await target.query(`create temporary view pgmove_compared_with as ${own ?? ''}`)
    const [row] = await target.query<{ same: string }>(
      `select pg_get_viewdef('pg_temp.pgmove_compared'::regclass) = pg_get_viewdef('pg_temp.pgmove_compared_with'::regclass) as same`,
    )
    return row?.same === 't'
  } catch (error) {
    if (sqlState(error) !== undefined && !/^(08|53|57)/.test(sqlState(error) ?? '')) return false
    throw error
  } finally {
    await target.query('rollback').catch(() => undefined)
  }
}

const HEAD = /^\s*create\s+view\s+(?:"(?:[^"]|"")+"|[^\s."]+)(?:\s*\.\s*(?:"(?:[^"]|"")+"|[^\s."]+))?\s+as\s+/i
const CHECK =
  /^\s*alter\s+table\s+(?:only\s+)?((?:"(?:[^"]|"")+"|[^\s."]+)(?:\s*\.\s*(?:"(?:[^"]|"")+"|[^\s."]+))?)\s+add\s+constraint\s+"?x"?\s+check\s*\(/i

/** The query in the statement that holds a view's definition or an expression over a table; undefined where there is none. */
export function queryIn(statement: string): string | undefined {
  const head = HEAD.exec(statement)
  if (head) return statement.slice(head[0].length).replace(/;\s*$/, '')
  const check = CHECK.exec(statement)
  const end = statement.lastIndexOf(')')
  if (!check?.[1] || check[1] === 'x' || end === -1) return undefined
  return `select (${statement.slice(check[0].length, end)}) from ${check[1]}`
}
