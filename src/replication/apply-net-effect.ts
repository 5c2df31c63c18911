import { sqlState } from '../errors/classify.ts'
import type { Database } from '../postgres/connect.ts'
import { doWorks } from './apply-work.ts'
import type { ChangeSet } from './change-steps.ts'
import { netEffectWork } from './net-effect-work.ts'
import type { RowChange } from './row-change.ts'
import type { StatementNames } from './statement-names.ts'

/**
 * Applies the net effect of changes of a table whose rows something beside the key keeps apart. False, with nothing done, if they are in each
 * other's way, as when unique values change places: then the changes are to be applied one after another.
 */
export async function applyNetEffect(target: Database, names: StatementNames, set: ChangeSet<RowChange>): Promise<boolean> {
  const remains = set.effect.remains()
  const works = netEffectWork(set, remains)
  // Deleted rows are in nobody's way, inserted ones come last: only updates can meet on the way to where all is in order.
  if (remains.updates.rows.length < 2) {
    await doWorks(target, names, works)
    return true
  }
  try {
    await doWorks(target, names, works, { opening: [{ text: 'savepoint pgmove_set', values: [] }] })
  } catch (error) {
    const state = sqlState(error)
    if (state !== '23505' && state !== '23P01') throw error
    await target.query('rollback to savepoint pgmove_set')
    return false
  }
  await target.query('release savepoint pgmove_set')
  return true
}
