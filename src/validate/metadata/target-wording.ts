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
