import { compareDefinitions } from './compare-definitions.ts'
import { compareLedger } from './compare-ledger.ts'
import { compareSequences } from './compare-sequences.ts'
import { compareTables } from './compare-tables.ts'
import type { Ledger } from './ledger.ts'
import { withSession } from './session.ts'
import { leftovers, sourceState } from './source-state.ts'
import type { SourceState } from './source-state.ts'

export interface CompareOptions {
  readonly source: string
  readonly target: string
  /** The source before the migration. */
  readonly before: SourceState
  /** The application's own book, with the money that the shop held when it was opened. */
  readonly book?: { readonly ledger: Ledger; readonly money: string }
  /** Told what is compared now. */
  readonly onProgress?: (what: string) => void
}

/** One question to both databases, and its answer. */
export interface Check {
  readonly what: string
  readonly found: string
  /** Empty if everything matches. */
  readonly differences: readonly string[]
}

/** Compares everything that a migration must carry over or leave alone. Nobody may write meanwhile. */
export async function compare({ source, target, before, book, onProgress }: CompareOptions): Promise<Check[]> {
  const checks: Check[] = []
  await withSession(source, (there) =>
    withSession(target, async (here) => {
      const data = await compareTables(there, here, onProgress)
      const found = `${data.tables.toLocaleString('en')} tables, ${data.rows.toLocaleString('en')} rows`
      checks.push({ what: 'rows', found, differences: data.differences })
      onProgress?.('sequences')
      const { sequences, differences } = await compareSequences(there, here)
      checks.push({ what: 'sequences', found: `${sequences} sequences`, differences })
      if (!book) return
      onProgress?.('ledger')
      const { ledger, money } = book
      const sides = [await compareLedger(ledger, there, 'source', money), await compareLedger(ledger, here, 'target', money)]
      const commits = `${ledger.acknowledged.size.toLocaleString('en')} acknowledged commits, each there once; ${money} of money`
      checks.push({ what: 'ledger', found: commits, differences: sides.flatMap((side) => side.differences) })
    }),
  )
  onProgress?.('definitions')
  const { definitions, differences } = await compareDefinitions(source, target)
  checks.push({ what: 'definitions', found: `${definitions} definitions`, differences })
  onProgress?.('source')
  checks.push({ what: 'source', found: 'nothing left behind', differences: leftovers(before, await sourceState(source)) })
  return checks
}
