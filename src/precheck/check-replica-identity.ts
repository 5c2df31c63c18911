import { qualified } from '../postgres/quote.ts'
import type { Check } from './check.ts'
import { failed, passed, warning } from './finding.ts'

export const replicaIdentity: Check = {
  name: 'replica_identity',
  expected: 'every selected table has a replica identity of selected columns by which UPDATE and DELETE name their row',
  applies: ({ incremental }) => incremental,
  run: async ({ tables }) => {
    const without = tables.filter(({ kind, persistence, usableIdentity }) => kind === 'r' && persistence === 'p' && !usableIdentity)
    if (without.length === 0) return passed('all have')
    const label = ({ schema, name }: { schema: string; name: string }): string => qualified(schema, name)
    const virtual = without.filter(({ columns }) => columns.some(({ generated }) => generated === 'v'))
    if (virtual.length > 0) {
      return failed(
        `${virtual.length} have none and a virtual generated column: under replica identity FULL their UPDATE and DELETE would be refused`,
        'Give them a primary key, select its columns, or exclude them.',
        virtual.map(label),
      )
    }
    const leftOut = without.filter(({ keyLeftOut }) => keyLeftOut).length
    return warning(
      `${without.length} have none${leftOut === 0 ? '' : `; of ${leftOut} the key is not selected`}`,
      'Give them a primary key, select its columns, or ignore this warning: then pgmove sets replica identity FULL on the source (ACCESS EXCLUSIVE for a moment, more WAL), and restores it at the end.',
      without.map(label),
    )
  },
}
