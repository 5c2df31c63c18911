import assert from 'node:assert/strict'
import { copyTables } from '../src/copy/copy-tables.ts'
import type { CopiedTable, CopyTablesArgs } from '../src/copy/copy-tables.ts'
import { planCopy } from '../src/copy/plan-copy.ts'
import { replicationClientConfig } from '../src/postgres/replication-client-config.ts'
import { applyWithBisect } from '../src/replication/apply-with-bisect.ts'
import type { ApplyWithBisectArgs } from '../src/replication/apply-with-bisect.ts'
import { openChangeStream } from '../src/replication/change-stream.ts'
import { takeOver } from '../src/replication/progress.ts'
import { checkSlot } from '../src/source/check-slot.ts'
import { prepareSource } from '../src/source/prepare-source.ts'
import { readSelectedTables } from '../src/source/selected-tables.ts'
import { sourcePosition } from '../src/source/source-position.ts'
import type { SlotBlocker } from '../src/source/slot-blocker.ts'
import { waitForWriters } from '../src/source/wait-for-writers.ts'
import { recordBehind } from '../src/state/behind-tables.ts'
import { readMigratedTables } from '../src/state/migrated-table.ts'
import { readMigrationRecord } from '../src/state/migration-record.ts'
import { markToCopyAgain } from '../src/state/table-resolution.ts'
import { NAMESPACE_ID, WHOLE } from './migration-fixture.ts'
import type { MigrationFixture } from './migration-fixture.ts'

const never = new AbortController().signal

/** Publication and slot, the guard included, and the plan of the copy. */
export async function prepareHandoff(fixture: MigrationFixture, onWait: (blocker: SlotBlocker | undefined) => void = () => undefined) {
  const source = await fixture.session('source', 'prepare', { lockTimeoutMs: 2000 })
  const target = await fixture.session('target', 'prepare')
  const tables = await readSelectedTables(source, WHOLE)
  const { sourceConnection, ref, id } = fixture
  await prepareSource({ source, sourceConnection, target, ref, namespaceId: NAMESPACE_ID, tables, signal: never, onWait })
  await planCopy({ target, id, tables, full: true })
}

/** Copies one table in sessions of its own. */
export async function copyOne(fixture: MigrationFixture, name: string, more: Partial<CopyTablesArgs> = {}): Promise<CopiedTable> {
  const { id } = fixture
  const target = await fixture.session('target', `copy ${name}`)
  const table = (await readMigratedTables(target, id)).find(({ sourceTable }) => sourceTable === name)
  assert.ok(table)
  const { system_identifier: systemIdentifier } = await readMigrationRecord(target, id)
  const [copied] = await copyTables({
    source: await fixture.session('source', `copy ${name}`),
    sourceObserver: await fixture.session('source', `copy ${name} watch`),
    ...{ target, id, tables: [table], systemIdentifier, incremental: true, replicaRole: true, signal: never },
    ...more,
  })
  assert.ok(copied)
  return copied
}

/** Marks tables to be copied again; nobody applies their changes afterwards. */
export async function markAgain(fixture: MigrationFixture, ...tables: string[]): Promise<void> {
  const { id } = fixture
  const target = await fixture.session('target', 'resolve')
  await target.transaction(async () => {
    await takeOver(target, id)
    for (const table of tables) await markToCopyAgain(target, id, { schema: 'public', table }, 'by a test')
  })
}

/** Copies a marked table as the activity does, while others' changes may be applied. */
export async function copyAgain(fixture: MigrationFixture, name: string, more: Partial<CopyTablesArgs> = {}): Promise<CopiedTable> {
  const observer = await fixture.session('source', `again ${name} watch`)
  const target = await fixture.session('target', `again ${name}`)
  const table = { schema: 'public', table: name }
  return copyOne(fixture, name, {
    target,
    beforeSnapshot: async () => {
      await recordBehind(target, fixture.id, table)
      await waitForWriters(observer, table, never)
    },
    ...more,
  })
}

/** Applies, strictly, all that is committed on the source now. */
export async function catchUp(fixture: MigrationFixture, more: Partial<ApplyWithBisectArgs> = {}): Promise<void> {
  const { id, sourceConnection } = fixture
  const source = await fixture.session('source', 'apply watch')
  const target = await fixture.session('target', 'apply')
  const record = await readMigrationRecord(target, id)
  const progress = await takeOver(target, id)
  await checkSlot({ source, sourceConnection, target, record, progress, signal: never })
  const tables = new Map((await readMigratedTables(target, id)).map((table) => [`${table.sourceSchema}\0${table.sourceTable}`, table]))
  const until = await sourcePosition(source)
  const clientConfig = await replicationClientConfig(sourceConnection, {
    applicationName: `pgmove ${id} stream`,
    version: source.version,
    endpoint: source.endpoint,
  })
  const [slot, publication] = [record.slot ?? '', record.publication ?? '']
  const open = (startLsn: bigint) => openChangeStream({ clientConfig, slot, publication, startLsn })
  await applyWithBisect({ open, target, id, tables, progress, until, replicaRole: true, signal: never, ...more })
}

export async function assertSame(fixture: MigrationFixture, ...tables: string[]): Promise<void> {
  for (const table of tables) {
    const rows = `select t::text as row from ${table} t order by 1`
    assert.deepEqual(await fixture.target.sql(rows), await fixture.source.sql(rows), table)
  }
}
