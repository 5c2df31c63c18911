import { after } from 'node:test'
import type { Side } from '../src/errors/migration-error.ts'
import { connect } from '../src/postgres/connect.ts'
import type { Database } from '../src/postgres/connect.ts'
import { resolveConnection } from '../src/postgres/resolve-connection.ts'
import { runPrecheck } from '../src/precheck/run-precheck.ts'
import type { PrecheckItem } from '../src/precheck/run-precheck.ts'
import type { PrecheckSpec } from '../src/precheck/precheck-context.ts'
import { database, server } from './servers.ts'
import type { TestDatabase, TestServer } from './servers.ts'

const open: Database[] = []
after(async () => {
  for (const session of open) await session.close()
})

export const SPEC: PrecheckSpec = {
  types: ['schema', 'full', 'incremental'],
  objects: null,
  exclude: [],
  existing: 'refuse',
  ddl: 'pause',
}

interface BySide {
  source?: string
  target?: string
}

/** Two databases to be checked. */
export interface PrecheckPair {
  readonly source: TestDatabase
  readonly target: TestDatabase
  readonly on: { readonly source: TestServer; readonly target: TestServer }
  /** All items by name; `as` names other roles than the superuser, `within` other databases; `exchanged`: from the target to the source. */
  check(spec?: Partial<PrecheckSpec>, as?: BySide, within?: BySide, direction?: 'exchanged'): Promise<Record<string, PrecheckItem>>
  session(side: 'source' | 'target', user?: string, name?: string): Promise<Database>
}

export const ID = '0123456789abcdef'

export async function precheckPair(from: TestServer | number, to: TestServer | number): Promise<PrecheckPair> {
  const on = { source: typeof from === 'number' ? await server(from) : from, target: typeof to === 'number' ? await server(to) : to }
  const databases = { source: await database(on.source), target: await database(on.target) }
  const openSession = async (at: Side, side: Side, user?: string, name = databases[at].name): Promise<Database> => {
    const resolved = await resolveConnection({ url: on[at].url(name, user) }, side, {})
    const opened = await connect(resolved, { side, applicationName: 'pgmove precheck test', lockTimeoutMs: 2000 })
    open.push(opened)
    return opened
  }
  return {
    ...databases,
    on,
    session: (side, user, name) => openSession(side, side, user, name),
    check: async (spec = {}, as = {}, within = {}, direction) => {
      const [from, to] = direction === 'exchanged' ? (['target', 'source'] as const) : (['source', 'target'] as const)
      const source = await openSession(from, 'source', as.source, within.source)
      const target = await openSession(to, 'target', as.target, within.target)
      const items = await runPrecheck({ source, target, spec: { ...SPEC, ...spec }, id: ID, signal: new AbortController().signal })
      await source.close()
      await target.close()
      return Object.fromEntries(items.map((item) => [item.name, item]))
    },
  }
}
