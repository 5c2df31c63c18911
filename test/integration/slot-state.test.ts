import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSlotState } from '../../src/source/slot-state.ts'
import type { SlotState } from '../../src/source/slot-state.ts'
import { slotWarning } from '../../src/source/slot-warning.ts'
import { migrationFixture } from '../migration-fixture.ts'
import { ownServer, server } from '../servers.ts'

const MEBIBYTE = 1_048_576n

for (const major of [10, 18]) {
  test(`${major}: what a slot without limits retains is measured`, async () => {
    const fixture = await migrationFixture(await server(major), await server(17), '')
    const session = await fixture.session('source')
    await fixture.source.sql(`select pg_create_logical_replication_slot('watched_${major}', 'pgoutput')`)
    const before = await readSlotState(session, `watched_${major}`)
    await fixture.source.sql('create table t as select generate_series(1, 10000) as i')
    const state = await readSlotState(session, `watched_${major}`)
    assert.ok(state && before)
    assert.ok((state.retainedBytes ?? 0n) >= (before.retainedBytes ?? 0n) + 100_000n)
    assert.deepEqual(
      [state.limitBytes, state.safeBytes, state.idleTimeout, state.lost, state.walStatus],
      [null, null, null, undefined, major === 10 ? null : 'reserved'],
    )
    assert.equal(state.usualBytes, 1024n * MEBIBYTE)
    assert.match(state.confirmedLsn ?? '', /^[0-9A-F]+\/[0-9A-F]+$/)
    assert.equal(await readSlotState(session, 'no_such_slot'), undefined)
    await fixture.source.sql(`select pg_drop_replication_slot('watched_${major}')`)
  })
}

for (const major of [13, 17, 18]) {
  test(`${major}: on the way to the loss of a slot each step is told with what to do`, async () => {
    // No checkpoint comes by itself between the steps.
    const settings = { max_slot_wal_keep_size: '96MB', checkpoint_timeout: '1h' }
    const idle = major === 18 ? { idle_replication_slot_timeout: '1h' } : {}
    const own = await ownServer(major, { settings: { ...settings, ...idle } })
    const fixture = await migrationFixture(own, await server(17), '')
    const session = await fixture.session('source')
    await fixture.source.sql(`select pg_create_logical_replication_slot('watched', 'pgoutput')`)
    const look = async (): Promise<{ state: SlotState; warning: string | null }> => {
      const state = await readSlotState(session, 'watched')
      assert.ok(state)
      return { state, warning: slotWarning('watched', state, undefined, Date.UTC(2026, 0, 1)) }
    }
    const write = async (segments: number, more = ''): Promise<void> => {
      for (let i = 0; i < segments; i++)
        await fixture.source.sql('select pg_switch_wal(); create table if not exists t (i int); insert into t values (1)')
      await fixture.source.sql(more)
    }
    const first = await look()
    assert.equal(first.warning, null)
    assert.equal(first.state.limitBytes, 96n * MEBIBYTE)
    if (major === 18) {
      assert.equal(first.state.idleTimeout, 3600)
      assert.ok((first.state.idleLeft ?? 0) > 3500 && (first.state.idleLeft ?? 0) <= 3600)
      const text = slotWarning('watched', { ...first.state, idleLeft: 600 }, undefined, Date.UTC(2026, 0, 1)) ?? ''
      assert.match(text, /idle_replication_slot_timeout .* in about 10 min \(2026-01-01 00:10 UTC\)/)
    }
    await write(4)
    const half = await look()
    assert.match(
      half.warning ?? '',
      /^The source keeps \d+ MB of WAL for slot watched; when \d+ MB more are written, max_slot_wal_keep_size = 96 MB is reached/,
    )
    const soon = slotWarning('watched', half.state, 1000, Date.UTC(2026, 0, 1)) ?? ''
    assert.match(soon, /at 3\.4 MB more an hour that is in about \d+ h \(2026-01-01 \d\d:\d\d UTC\)/)
    await write(4)
    const over = await look()
    assert.equal(over.state.walStatus, 'unreserved')
    assert.match(over.warning ?? '', /at its next checkpoint the slot can be lost/)
    await write(0, 'checkpoint')
    const { state } = await look()
    assert.equal(state.lost, major === 13 ? 'its WAL was removed' : 'wal_removed')
    assert.equal(state.walStatus, 'lost')
  })
}
