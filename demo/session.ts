import pg from 'pg'

/** Every value as PostgreSQL prints it. */
export type Row = Record<string, string | null>

/** How both sides print their values, so that equal values are equal texts. */
const PINNED = {
  datestyle: 'ISO,MDY',
  intervalstyle: 'postgres',
  timezone: 'UTC',
  extra_float_digits: '3',
  bytea_output: 'hex',
  lc_monetary: 'C',
  search_path: 'pg_catalog',
}

/** One connection of the demo's own, with nothing of the product in it. */
export interface Session {
  readonly client: pg.Client
  /** The rows; of several statements in one text those of the last. */
  readonly query: (text: string, values?: readonly unknown[]) => Promise<Row[]>
  /** Never fails. */
  readonly close: () => Promise<void>
}

/** Connects by a URL, with pinned settings. */
export async function openSession(url: string, applicationName = 'shop'): Promise<Session> {
  const client = new pg.Client({
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: 10_000,
    options: Object.entries(PINNED)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
    types: { getTypeParser: () => (value: string) => value },
  })
  // The next query reports a lost connection; without a listener the process would end.
  client.on('error', () => undefined)
  await client.connect()
  return {
    client,
    query: async (text, values) => {
      const result: pg.QueryResult<Row> | pg.QueryResult<Row>[] = values
        ? await client.query<Row>(text, [...values])
        : await client.query<Row>(text)
      return (Array.isArray(result) ? (result as pg.QueryResult<Row>[]).at(-1) : result)?.rows ?? []
    },
    close: async () => {
      await client.end().catch(() => undefined)
    },
  }
}

/** Runs `body` with a session that ends with it. */
export async function withSession<T>(url: string, body: (session: Session) => Promise<T>): Promise<T> {
  const session = await openSession(url)
  try {
    return await body(session)
  } finally {
    await session.close()
  }
}

/** The same server, another database. */
export function withDatabase(url: string, database: string): string {
  const other = new URL(url)
  other.pathname = `/${encodeURIComponent(database)}`
  return other.href
}
