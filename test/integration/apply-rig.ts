import assert from 'node:assert/strict'
import { after } from 'node:test'
import { connect } from '../../src/postgres/connect.ts'
import type { Database } from '../../src/postgres/connect.ts'
import { parseLsn } from '../../src/postgres/lsn.ts'
import { ident } from '../../src/postgres/quote.ts'
import { replicationClientConfig } from '../../src/postgres/replication-client-config.ts'
import { resolveConnection } from '../../src/postgres/resolve-connection.ts'
import type { ApplyResult } from '../../src/replication/apply-stream.ts'
import { applyWithBisect } from '../../src/replication/apply-with-bisect.ts'
import type { ApplyWithBisectArgs } from '../../src/replication/apply-with-bisect.ts'
import { openChangeStream } from '../../src/replication/change-stream.ts'
import type { ChangeStream } from '../../src/replication/change-stream.ts'
import { takeOver } from '../../src/replication/progress.ts'
import type { MigratedTable } from '../../src/state/migrated-table.ts'
import { openMigrationRecord } from '../../src/state/migration-record.ts'
import { database, server, sql, uniqueName } from '../servers.ts'
import type { TestDatabase, TestServer } from '../servers.ts'

const open = new Set<{ close(): Promise<void> }>()
after(async () => {
  for (const one of open) await one.close()
})

export interface RigOptions {
  readonly from?: number
  readonly to?: number
  /** Made on both sides, but for what `target` gives. */
  readonly schema: string
  /** Instead of `schema` on the target. */
  readonly target?: string
  /** Instead of the shared one. */
  readonly targetServer?: Pick<TestServer, 'url'>
  /** Role of the applying session, created without rights beside those that it owns; default the superuser. */
  readonly role?: string
}

/** A source with a slot, and a target whose tables are as empty as the source's, so that the stream alone makes them equal. */
export interface Rig {
  readonly id: string
  readonly source: TestDatabase
  readonly target: TestDatabase
  readonly tables: Map<string, MigratedTable>
  /** By default at the target's own address. */
  session(url?: string): Promise<Database>
  stream(startLsn?: bigint, publication?: string): Promise<ChangeStream>
  position(): Promise<bigint>
  /** Applies all that the source has committed. */
  drain(options?: Partial<ApplyWithBisectArgs>): Promise<ApplyResult>
  /** Fails unless every table holds the same rows on both sides, as printed. */
  equal(): Promise<void>
}

export async function rig({
  from = 13,
  to = 17,
  schema,
  target: targetSchema = schema,
  targetServer: given,
  role,
}: RigOptions): Promise<Rig> {
  const source = await database(await server(from))
  const targetServer = given ?? (await server(to))
  const name = uniqueName('apply')
  const owner = role === undefined ? undefined : uniqueName(role)
  if (owner !== undefined) await sql(targetServer.url('postgres'), `create role ${owner} login nosuperuser`)
  const target = await database(targetServer, owner === undefined ? {} : { owner })
  const url = targetServer.url(target.name, owner ?? 'postgres')
  await source.sql(schema)
  if (owner !== undefined) {
    await target.sql(`alter schema public owner to ${owner}`)
    after(async () => {
      await target.drop()
      await sql(targetServer.url('postgres'), `drop role ${owner}`)
    })
  }
  await sql(url, targetSchema)
  await source.sql(`create publication ${name} for all tables`)
  await source.sql(`select pg_create_logical_replication_slot('${name}', 'pgoutput')`)

  const session = async (at = url) => {
    const opened = await connect(await resolveConnection({ url: at }, 'target'), { side: 'target', applicationName: name })
    open.add(opened)
    return opened
  }
  const ref = { namespace: 'default', workflowId: name, firstRunId: 'r' }
  const { id } = await openMigrationRecord(await session(), ref)
  const found = await source.sql(
    `select n.nspname as s, c.relname as t from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove') order by 1, 2`,
  )
  const tables = new Map(found.map(({ s, t }) => [`${s!}\0${t!}`, migrated(s!, t!)]))

  const stream = async (startLsn = 0n, publication = name) => {
    const resolved = await resolveConnection({ url: source.url }, 'source')
    const clientConfig = await replicationClientConfig(resolved, { applicationName: name, version: from * 10000 })
    const opened = await openChangeStream({ clientConfig, slot: name, publication, startLsn })
    open.add(opened)
    return opened
  }
  const position = async () => parseLsn((await source.sql('select pg_current_wal_flush_lsn() as lsn'))[0]!['lsn']!)

  const drain = async (options: Partial<ApplyWithBisectArgs> = {}) => {
    const applying = options.target ?? (await session())
    try {
      return await applyWithBisect({
        target: applying,
        id,
        tables,
        progress: options.progress ?? (await takeOver(applying, id)),
        until: await position(),
        replicaRole: role === undefined,
        signal: new AbortController().signal,
        open: (startLsn) => stream(startLsn),
        ...options,
      })
    } finally {
      if (!options.target) await applying.close()
    }
  }
  const equal = async () => {
    for (const { sourceSchema, sourceTable } of tables.values()) {
      // Versions print floats differently.
      const columns = await source.sql(
        `select string_agg(format(case t.typname when 'float4' then 'float4send(%1$I) as %1$I' when 'float8' then 'float8send(%1$I) as %1$I'
            when 'point' then 'point_send(%1$I) as %1$I' else '%1$I' end, attname), ', ') as list
           from pg_attribute a join pg_type t on t.oid = a.atttypid where attrelid = $1::regclass and attnum > 0 and not attisdropped`,
        [`${ident(sourceSchema)}.${ident(sourceTable)}`],
      )
      const query = `set timezone = utc; select row::text from (select ${columns[0]!['list']} from only ${ident(sourceSchema)}.${ident(sourceTable)}) as row order by row::text collate "C"`
      assert.deepEqual(await target.sql(query), await source.sql(query), `${sourceSchema}.${sourceTable}`)
    }
  }
  return { id, source, target, tables, session, stream, position, drain, equal }
}

function migrated(schema: string, table: string): MigratedTable {
  return {
    sourceSchema: schema,
    sourceTable: table,
    targetSchema: schema,
    targetTable: table,
    group: 0,
    estimatedRows: '0',
    estimatedBytes: '0',
    rows: '0',
    bytes: '0',
    attempts: 1,
  }
}
