import type { Migration } from '../migration.ts'
import type { Phase } from '../status.ts'

/** Prepares the source and brings the definitions to the target. */
export async function schema(migration: Migration): Promise<Phase> {
  const { state } = migration
  if (migration.has('incremental')) {
    const { slot, startLsn } = await migration.run('prepareSource', 'Create publication and replication slot', {}, 'data')
    state.slot = { name: slot, startLsn, appliedLsn: null, confirmedLsn: null, retainedBytes: null }
    migration.touch()
  }
  await migration.unpaused()
  if (migration.has('schema')) {
    await migration.run('dumpDefinitions', "Dump the source's definitions", {}, 'data')
    await migration.unpaused()
    await migration.run('restoreDefinitions', 'Create types, tables, views, sequences, functions', {}, 'data')
  }
  const { tables, bytes } = await migration.run('planTables', 'List the tables and their sizes', {})
  state.tables = { total: tables, copied: 0 }
  state.bytes = { total: bytes, copied: '0' }
  if (migration.has('full') || migration.has('incremental')) {
    await migration.run('prepareTarget', 'Switch off triggers and rules on the target until the end', {})
  }
  return migration.has('full') ? 'full' : 'constraints'
}
