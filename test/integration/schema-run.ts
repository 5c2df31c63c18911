import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { after } from 'node:test'
import { clientProgram } from '../../src/postgres/client-program.ts'
import { connect } from '../../src/postgres/connect.ts'
import type { Database } from '../../src/postgres/connect.ts'
import { resolveConnection } from '../../src/postgres/resolve-connection.ts'
import { establishNameMap } from '../../src/mapping/read-name-map.ts'
import { dumpDefinitions } from '../../src/schema/dump-definitions.ts'
import type { DumpedDefinitions } from '../../src/schema/dump-definitions.ts'
import { restoreAccess } from '../../src/roles/restore-access.ts'
import { restoreConstraints } from '../../src/schema/restore-constraints.ts'
import { restoreDefinitions } from '../../src/schema/restore-definitions.ts'
import { restoreIndexes } from '../../src/schema/restore-indexes.ts'
import type { MigrationSpec } from '../../src/spec/migration-spec.ts'
import { openMigrationRecord } from '../../src/state/migration-record.ts'
import { migrationId } from '../../src/state/migration-ref.ts'
import { database, server, uniqueName } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'

const run = promisify(execFile)
const BYTES = 100_000_000
const open: Database[] = []

after(async () => {
  for (const session of open) await session.close()
})

/** A source and a target database with sessions and a migration's record. */
export interface SchemaRun {
  readonly from: TestDatabase
  readonly to: TestDatabase
  readonly source: Database
  readonly target: Database
  readonly id: string
  readonly signal: AbortSignal
  dump(spec?: Partial<Pick<MigrationSpec, 'objects' | 'exclude' | 'roles'>>): Promise<DumpedDefinitions>
  /** Every stage in order; without incremental replication unless told. */
  restore(options?: { replicaRole?: boolean; incremental?: boolean }): Promise<void>
  notes(kind: 'skipped' | 'warning'): Promise<Record<string, string>>
  /** Another migration of the same databases, on the source as another role. */
  again(sourceUser?: string): Promise<SchemaRun>
  /** One more session on the target. */
  anotherTarget(): Promise<Database>
}

/** Connects to the target as `user`, which must exist there and then owns the database; default the superuser. */
export async function schemaRun(fromMajor: number, toMajor: number, sql: string, user?: string): Promise<SchemaRun> {
  const [fromServer, toServer] = [await server(fromMajor), await server(toMajor)]
  const from = await database(fromServer)
  const to = await database(toServer, user === undefined ? {} : { owner: user })
  if (sql !== '') await from.sql(sql)
  return begin(from, to, (role) => fromServer.url(from.name, role), toServer.url(to.name, user))
}

async function begin(
  from: TestDatabase,
  to: TestDatabase,
  sourceUrl: (user?: string) => string,
  targetUrl: string,
  sourceUser?: string,
): Promise<SchemaRun> {
  const sourceConnection = await resolveConnection({ url: sourceUrl(sourceUser) }, 'source', {})
  const targetConnection = await resolveConnection({ url: targetUrl }, 'target', {})
  const source = await connect(sourceConnection, { side: 'source', applicationName: 'schema test' })
  const target = await connect(targetConnection, { side: 'target', applicationName: 'schema test' })
  open.push(source, target)
  const ref = { namespace: 'test', workflowId: uniqueName('schema'), firstRunId: '1' }
  const id = migrationId(ref)
  await openMigrationRecord(target, ref)
  const { signal } = new AbortController()
  const common = { source, sourceConnection, target, targetConnection, id, signal }
  const anotherTarget = async () => {
    const session = await connect(targetConnection, { side: 'target', applicationName: 'schema test' })
    open.push(session)
    return session
  }
  return {
    from,
    to,
    source,
    target,
    id,
    signal,
    dump: async ({ roles, ...spec } = {}) => {
      const whole = { objects: null, exclude: [], ...spec }
      return dumpDefinitions({ ...common, ...(roles && { roles }), spec: whole, names: await establishNameMap(source, target, id, whole) })
    },
    async restore({ replicaRole = true, incremental = false } = {}) {
      // Also a few tables in two sessions.
      await restoreDefinitions({ target, id, signal, jobs: 2, fewest: 2, openSession: anotherTarget })
      await restoreIndexes({ target, id, signal })
      await restoreConstraints({ target, id, signal, replicaRole, incremental })
      await restoreAccess({ target, id, signal })
    },
    async notes(kind) {
      const rows = await target.query<{ object: string; text: string }>(
        'select object, text from pgmove.note where id = $1 and kind = $2 order by object',
        [id, kind],
      )
      return Object.fromEntries(rows.map(({ object, text }) => [object, text]))
    },
    anotherTarget,
    again: (role) => begin(from, to, sourceUrl, targetUrl, role),
  }
}

/** pg_dump's script of a database without pgmove's schema, owners, comments and what changes from run to run. */
export async function script({ url }: TestDatabase, ...options: string[]): Promise<string> {
  const program = await clientProgram('pg_dump', 18)
  const { stdout } = await run(program, ['-s', '-O', '-N', 'pgmove', ...options, '-d', url], { maxBuffer: BYTES })
  return stdout
    .split('\n')
    .filter((line) => !/^--|^\\(un)?restrict /.test(line) && line !== '')
    .join('\n')
}

/** What pg_dump and psql make of `from` on the server of `major`. */
export async function reference(from: TestDatabase, major: number): Promise<string> {
  const to = await database(await server(major))
  const [pgDump, psql] = [await clientProgram('pg_dump', 18), await clientProgram('psql', 18)]
  const { stdout } = await run(pgDump, ['-s', '-O', '-d', from.url], { maxBuffer: BYTES })
  const child = run(psql, ['-Xq', '-d', to.url])
  child.child.stdin?.end(stdout)
  await child
  return script(to)
}
