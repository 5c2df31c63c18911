import { classify } from '../errors/classify.ts'
import type { ErrorKind } from '../errors/error-kind.ts'
import type { Database } from '../postgres/connect.ts'

const REFUSALS: ReadonlySet<ErrorKind> = new Set(['RejectedByTarget', 'SchemaMismatch', 'Internal'])

/** Whether the target will not take a statement, however often it is asked. */
export function isRefusal(error: unknown): boolean {
  return REFUSALS.has(classify(error, 'target').kind)
}

/** Runs statements in the open transaction, which goes on if the target refuses one: then it is as before. Returns whether they were taken. */
export async function unlessRefused(target: Database, statements: string): Promise<boolean> {
  await target.query('savepoint attempt')
  try {
    await target.query(statements)
    return true
  } catch (error) {
    if (!isRefusal(error)) throw error
    await target.query('rollback to savepoint attempt')
    return false
  }
}
