import { after } from 'node:test'
import { connect } from '../src/postgres/connect.ts'
import type { ConnectOptions, Database } from '../src/postgres/connect.ts'
import { resolveConnection } from '../src/postgres/resolve-connection.ts'
import type { ResolvedConnection } from '../src/postgres/resolved-connection.ts'
import type { Side } from '../src/errors/migration-error.ts'
import { openMigrationRecord } from '../src/state/migration-record.ts'
import { migrationId } from '../src/state/migration-ref.ts'
import type { MigrationRef } from '../src/state/migration-ref.ts'
import { database, uniqueName } from './servers.ts'
import type { TestDatabase, TestServer } from './servers.ts'

const open: Database[] = []
after(async () => {
  for (const session of open) await session.close()
})

/** Two empty databases and a migration between them, its record made on the target. */
export interface MigrationFixture {
  readonly source: TestDatabase
  readonly target: TestDatabase
  readonly sourceConnection: ResolvedConnection
  readonly ref: MigrationRef
  readonly id: string
  /** A pinned session; closed by itself after the file's tests. */
  session(side: Side, purpose?: string, options?: Partial<ConnectOptions>): Promise<Database>
}

export const WHOLE = { objects: null, exclude: [] } as const
export const NAMESPACE_ID = '00000000-0000-4000-8000-000000000001'

export async function migrationFixture(
  from: Pick<TestServer, 'url'>,
  to: Pick<TestServer, 'url'>,
  schema: string,
): Promise<MigrationFixture> {
  const [source, target] = [await database(from), await database(to)]
  await source.sql(schema)
  await target.sql(schema)
  return fixtureOn(source, target)
}

/** Another migration between the same databases. */
export async function fixtureOn(source: TestDatabase, target: TestDatabase): Promise<MigrationFixture> {
  const sourceConnection = await resolveConnection({ url: source.url }, 'source', {})
  const targetConnection = await resolveConnection({ url: target.url }, 'target', {})
  const ref: MigrationRef = { namespace: 'default', workflowId: uniqueName('w'), firstRunId: 'r' }
  const id = migrationId(ref)
  const session: MigrationFixture['session'] = async (side, purpose = 'test', options = {}) => {
    const opened = await connect(side === 'source' ? sourceConnection : targetConnection, {
      side,
      applicationName: `pgmove ${id} ${purpose}`,
      // Whoever copies in a test reads as the activities do.
      copiesOut: side === 'source' && options.replication !== true,
      ...options,
    })
    open.push(opened)
    return opened
  }
  await openMigrationRecord(await session('target', 'record'), ref)
  return { source, target, sourceConnection, ref, id, session }
}
