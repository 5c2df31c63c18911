import assert from 'node:assert/strict'
import test from 'node:test'
import { planCopy } from '../../src/copy/plan-copy.ts'
import { forgetCopies, openSharedSnapshot } from '../../src/copy/shared-snapshot.ts'
import { serverIdentity, snapshotIdentity } from '../../src/copy/snapshot-identity.ts'
import { readSelectedTables } from '../../src/source/selected-tables.ts'
import { readMigratedTables } from '../../src/state/migrated-table.ts'
import { migrationFixture, WHOLE } from '../migration-fixture.ts'
import { eventually, server } from '../servers.ts'

const never = new AbortController().signal

/** On two servers: what is written on the target counts if it is the source's server. */
const MAJORS = [
  [10, 17],
  [17, 13],
] as const

for (const [major, to] of MAJORS) {
  test(`copies from ${major} are kept under a new snapshot if nothing was written in between, and only then`, async () => {
    const fixture = await migrationFixture(await server(major), await server(to), 'create table one (id int primary key)')
    const [source, other] = [await fixture.session('source'), await fixture.session('source', 'other')]
    const target = await fixture.session('target')
    await planCopy({ target, id: fixture.id, tables: await readSelectedTables(source, WHOLE), full: true })
    const tables = await readMigratedTables(target, fixture.id)
    /** How many copies a new snapshot makes worthless, and whether it can be compared. */
    const open = async () => {
      const known = await serverIdentity(source)
      const snapshot = await openSharedSnapshot([source, other], [tables, []], never)
      const identity = await snapshotIdentity(source, known, never)
      const again = await forgetCopies(target, fixture.id, identity)
      await fixture.target.sql('update pgmove.migrated_table set copied_at = now()')
      await snapshot.release()
      return { again, comparable: identity !== null }
    }
    // Autovacuum writes as well, and so do tests beside this one.
    const kept = () =>
      eventually('two equal snapshots', 60, async () => {
        const { again, comparable } = await open()
        return comparable && again === 0
      })
    await open()
    await kept()
    const writes = [
      'insert into one values (1)',
      `do $$ begin insert into one values (2); raise 'undone'; exception when others then null; end $$`,
      'truncate one',
      'alter table one add column more int',
    ]
    for (const write of writes) {
      await fixture.source.sql(write)
      assert.equal((await open()).again, 1, write)
      await kept()
    }
    await fixture.target.sql('update pgmove.migration set copy_snapshot = null')
    assert.equal((await open()).again, 1)
    const [noted] = await fixture.target.sql(`select text from pgmove.note where kind = 'repeated' and object = 'all tables'`)
    assert.match(noted?.['text'] ?? '', /could not be shown/)
  })
}
