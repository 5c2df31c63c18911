import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Database } from '../../src/postgres/connect.ts'
import { assertSame, catchUp, copyOne, prepareHandoff } from '../handoff-run.ts'
import { migrationFixture } from '../migration-fixture.ts'
import { ownServer, server } from '../servers.ts'

/** Nothing but a synchronous commit brings WAL to the disk for seconds. */
const LAZY = { wal_writer_delay: '10s', wal_writer_flush_after: '64MB', checkpoint_timeout: '1h' }
const FLUSHED = 'pg_current_wal_flush_lsn'

for (const major of [10, 18]) {
  test(`${major}: a source that crashes before a commit that the copy has seen is on its disk takes the copy with it`, async () => {
    const own = await ownServer(major, { settings: LAZY })
    const fixture = await migrationFixture(own, await server(17), 'create table t (id int primary key, note text)')
    const { source, target } = fixture
    await source.sql(`insert into t values (1, 'before')`)
    await prepareHandoff(fixture)
    await source.sql(`set synchronous_commit = off; insert into t values (2, 'to be lost')`)
    const session = await fixture.session('source', 'copy t')
    let seen = ''
    const crashing: Database = {
      client: session.client,
      side: session.side,
      version: session.version,
      processId: session.processId,
      endpoint: session.endpoint,
      query: async (statement, values) => {
        if (statement.includes(FLUSHED)) {
          seen = (await source.sql(`select count(*) as n from t where id = 2`))[0]?.['n'] ?? ''
          await own.crash()
        }
        return session.query(statement, values)
      },
      execute: (statement, values) => session.execute(statement, values),
      transaction: (body, begin) => session.transaction(body, begin),
      close: () => session.close(),
    }
    await assert.rejects(copyOne(fixture, 't', { source: crashing }), { kind: 'ConnectionLost', side: 'source' })
    assert.equal(seen, '1')
    await own.restart()
    assert.deepEqual(await source.sql('select id from t'), [{ id: '1' }], 'the commit was on the disk after all')
    const [open] = await target.sql('select copied_at from pgmove.migrated_table')
    assert.equal(open?.['copied_at'], null)

    // Its transaction ID is used again.
    await source.sql(`insert into t values (3, 'under the same id')`)
    assert.equal((await copyOne(fixture, 't')).rows, '2')
    await source.sql(`insert into t values (4, 'later'); delete from t where id = 1`)
    await catchUp(fixture)
    await assertSame(fixture, 't')
  })
}
