import type { Database } from '../postgres/connect.ts'
import { SOURCE_MARK } from '../source/source-schema.ts'
import { isUsable, TARGET_MARK } from '../state/install-state.ts'
import type { Check } from './check.ts'
import { failed, passed } from './finding.ts'

/** Comments by which pgmove knows its own schema, whatever the format's number. */
const withoutFormat = (mark: string): string => mark.replace(/ \d+$/, '')
const SOURCE = withoutFormat(SOURCE_MARK)
const TARGET = withoutFormat(TARGET_MARK)

export const pgmoveSchema: Check = {
  name: 'pgmove_schema',
  expected:
    'a schema named pgmove was made by pgmove, for the same direction and by the same role, or is empty on the target, or is not there',
  run: async ({ source, target, incremental }) => {
    const problems = [...(incremental ? await problem(source, SOURCE) : []), ...(await problem(target, TARGET))]
    if (problems.length === 0) return passed('fine')
    return failed(problems.join('; '), 'Rename or drop the schema, unless another migration uses it; or connect as the role that made it.')
  },
}

async function problem(database: Database, mark: string): Promise<string[]> {
  const [row] = await database.query<{ comment: string | null; mine: string }>(
    `select obj_description(oid, 'pg_namespace') as comment, pg_has_role(nspowner, 'usage') as mine from pg_namespace where nspname = 'pgmove'`,
  )
  if (!row) return []
  if (row.comment === null || withoutFormat(row.comment) !== mark) {
    if (database.side === 'target' && (await isUsable(database))) return []
    const other = row.comment !== null && [SOURCE, TARGET].includes(withoutFormat(row.comment))
    return [`on the ${database.side} it ${other ? 'belongs to migrations in the other direction' : 'was not made by pgmove'}`]
  }
  return row.mine === 't' ? [] : [`on the ${database.side} it belongs to another role`]
}
