import assert from 'node:assert/strict'
import test from 'node:test'
import { planCopy } from '../../src/copy/plan-copy.ts'
import { forgetCopies } from '../../src/copy/shared-snapshot.ts'
import { readSelectedTables } from '../../src/source/selected-tables.ts'
import { readMigratedTables } from '../../src/state/migrated-table.ts'
import { migrationFixture, WHOLE } from '../migration-fixture.ts'
import { eventually, server } from '../servers.ts'

test('a copy that an older attempt is about to record under its own snapshot is forgotten as well', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), 'create table one (id int primary key)')
  const source = await fixture.session('source')
  const [older, newer] = [await fixture.session('target', 'older'), await fixture.session('target', 'newer')]
  await planCopy({ target: newer, id: fixture.id, tables: await readSelectedTables(source, WHOLE), full: true })
  await older.query('begin')
  await older.query('select from pgmove.migrated_table where id = $1 for update', [fixture.id])
  const forgotten = forgetCopies(newer, fixture.id, null)
  await eventually('the newer attempt waiting', 20, async () => {
    const [row] = await fixture.target.sql(`select wait_event_type as type from pg_stat_activity where pid = ${newer.processId}`)
    return row?.['type'] === 'Lock'
  })
  await older.query('update pgmove.migrated_table set copied_at = now(), rows = 7 where id = $1', [fixture.id])
  await older.query('commit')
  assert.equal(await forgotten, 1)
  const [table] = await readMigratedTables(newer, fixture.id)
  assert.equal(table?.copiedAt, undefined)
})
