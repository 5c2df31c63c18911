import type { Ledger } from './ledger.ts'
import type { Session } from './session.ts'

export interface LedgerComparison {
  readonly acknowledged: number
  readonly uncertain: number
  readonly differences: readonly string[]
}

/**
 * Compares what the application knows of its commits with what a database holds: each acknowledged one exactly once, an uncertain one at most
 * once, nothing else. And no money may have appeared or vanished.
 *
 * @param money what `moneyIn` said before the application began to write
 */
export async function compareLedger(ledger: Ledger, database: Session, side: string, money: string): Promise<LedgerComparison> {
  const found = new Map<string, number>()
  for (const row of await database.query('select writer, number, count(*) as times from audit.app_transactions group by 1, 2')) {
    found.set(`${row['writer']}-${row['number']}`, Number(row['times']))
  }
  const lost = [...ledger.acknowledged.keys()].filter((transaction) => !found.has(transaction))
  const doubled = [...found].filter(([, times]) => times > 1).map(([transaction]) => transaction)
  const phantoms = [...found.keys()].filter((transaction) => !ledger.acknowledged.has(transaction) && !ledger.uncertain.has(transaction))
  const differences: string[] = []
  const list = (what: string, transactions: readonly string[]): void => {
    if (transactions.length > 0)
      differences.push(`${transactions.length} ${what} on the ${side}, such as ${transactions.slice(0, 3).join(', ')}`)
  }
  list('acknowledged commits are missing', lost)
  list('transactions stand more than once', doubled)
  list('transactions that were never committed stand', phantoms)
  const now = await moneyIn(database)
  if (now !== money) differences.push(`wallets and tills held ${money} in all, and ${now} on the ${side} in the end`)
  return { acknowledged: ledger.acknowledged.size, uncertain: ledger.uncertain.size, differences }
}

/** All the money in the shop: no transaction changes the sum. */
export async function moneyIn({ query }: Session): Promise<string> {
  const [row] = await query('select (select sum(balance) from shop.wallets) + (select sum(balance) from shop.tills) as money')
  return row?.['money'] ?? ''
}
