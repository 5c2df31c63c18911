import { randomInt } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { LedgerBook } from './ledger.ts'
import type { Ledger, Outcome } from './ledger.ts'
import { openSession, withSession } from './session.ts'
import type { Session } from './session.ts'
import { ChangedMind, TRANSACTIONS } from './transactions.ts'
import type { ShopRange, Transaction } from './transactions.ts'

export interface WriterOptions {
  /** File that gets the ledger. */
  readonly ledger: string
  /** Connections that write at the same time. Default 4. */
  readonly connections?: number
  /** Transactions per second of all connections together, if the server keeps up. Default 300. */
  readonly rate?: number
  /** What it does. Default: the shop's mix. */
  readonly transactions?: readonly Transaction[]
}

/** The application: writes to the shop until it is stopped. */
export interface Writer {
  /** Commits acknowledged so far. */
  readonly commits: number
  /** Rejects when a connection met an error that the application doesn't expect; never resolves. */
  readonly failure: Promise<never>
  /** Halves the rate, down to 10 transactions per second; returns the new one. */
  slowDown(): number
  /** Lets running transactions end and closes the connections. Idempotent. */
  stop(): Promise<Ledger>
}

/** Refusals that an application meets on a busy day: it rolls back and goes on. */
const EXPECTED: readonly string[] = ['53100', '40P01', '40001', '55P03', '23503', '23505', '23514', '25006']

/** Starts the writer; its connections stand when the promise resolves. */
export async function startWriter(url: string, options: WriterOptions): Promise<Writer> {
  const { connections = 4, transactions = TRANSACTIONS } = options
  let rate = options.rate ?? 300
  const shop = await readRange(url)
  const sessions: Session[] = []
  for (let i = 0; i < connections; i++) sessions.push(await openSession(url))
  const book = new LedgerBook(options.ledger)
  const stop = new AbortController()
  const loops = sessions.map((session, index) =>
    run({ url, shop, book, transactions, writer: index + 1, interval: () => (1000 * connections) / rate, stop: stop.signal }, session),
  )
  const failure = Promise.race(loops.map((loop) => loop.then(() => new Promise<never>(() => undefined))))
  failure.catch(() => undefined)
  return {
    get commits() {
      return book.acknowledged.size
    },
    failure,
    slowDown: () => (rate = Math.max(10, Math.round(rate / 2))),
    stop: async () => {
      stop.abort()
      await Promise.allSettled(loops)
      book.close()
      return book
    },
  }
}

interface Connection {
  readonly url: string
  readonly shop: ShopRange
  readonly book: LedgerBook
  readonly transactions: readonly Transaction[]
  readonly writer: number
  /** Milliseconds from one transaction to the next. */
  readonly interval: () => number
  readonly stop: AbortSignal
}

async function run(connection: Connection, first: Session): Promise<void> {
  const { url, book, transactions, writer, interval, stop } = connection
  let session: Session | undefined = first
  let due = Date.now()
  try {
    for (let number = 1; !stop.aborted; number++) {
      session ??= await reconnected(url, stop)
      if (!session) return
      const transaction = chosen(transactions)
      const { outcome, lost } = await attempt(session, connection, transaction, number)
      book.note(`${writer}-${number}`, transaction.kind, outcome)
      if (lost) {
        await session.close()
        session = undefined
      }
      // At most a second is caught up after a pause.
      due = Math.max(due + interval(), Date.now() - 1000)
      const ahead = due - Date.now()
      if (ahead > 1) await pause(ahead, undefined, { signal: stop }).catch(() => undefined)
    }
  } finally {
    await session?.close()
  }
}

async function attempt(
  session: Session,
  { writer, shop }: Connection,
  { kind, run: body }: Transaction,
  number: number,
): Promise<{ outcome: Outcome; lost: boolean }> {
  const { query, client } = session
  let committing = false
  try {
    await query('begin')
    await query('insert into audit.app_transactions (writer, number, kind) values ($1, $2, $3)', [writer, number, kind])
    await body({ query, random: (limit) => randomInt(limit), shop })
    committing = true
    const { command } = await client.query('commit')
    return { outcome: command === 'COMMIT' ? 'acknowledged' : 'rolledBack', lost: false }
  } catch (error) {
    const code = (error as { code?: string }).code ?? ''
    const refused = error instanceof ChangedMind || EXPECTED.includes(code)
    // Class 57: the server ends the session. Class 08 and socket errors: the connection broke.
    const lost = !refused && (/^(57|08|E[A-Z]{4,}$)/.test(code) || /^(Connection terminated|Client )/.test((error as Error).message))
    if (!refused && !lost) throw new Error(`The writer's transaction "${kind}" failed: ${(error as Error).message}`, { cause: error })
    if (lost) return { outcome: committing ? 'uncertain' : 'rolledBack', lost: true }
    // A refused COMMIT, such as one by a deferred constraint, has rolled back by itself.
    return {
      outcome: 'rolledBack',
      lost: await query('rollback').then(
        () => false,
        () => true,
      ),
    }
  }
}

async function reconnected(url: string, stop: AbortSignal): Promise<Session | undefined> {
  while (!stop.aborted) {
    const session = await openSession(url).catch(() => undefined)
    if (session) return session
    await pause(200, undefined, { signal: stop }).catch(() => undefined)
  }
  return undefined
}

function chosen(transactions: readonly Transaction[]): Transaction {
  let left = randomInt(transactions.reduce((sum, { weight }) => sum + weight, 0))
  for (const transaction of transactions) {
    left -= transaction.weight
    if (left < 0) return transaction
  }
  throw new Error('unreachable: the weights do not add up')
}

async function readRange(url: string): Promise<ShopRange> {
  return await withSession(url, async ({ query }) => {
    const [row] = await query(`
      select current_setting('server_version_num') as version, (select count(*) from shop.customers) as customers,
        (select count(*) from shop.products) as products, (select min(id) from shop.orders) as first_order, (select count(*) from shop.orders) as orders`)
    const number = (name: string): number => Number(row?.[name])
    return {
      version: number('version'),
      customers: number('customers'),
      products: number('products'),
      firstOrder: number('first_order'),
      orders: number('orders'),
    }
  })
}
