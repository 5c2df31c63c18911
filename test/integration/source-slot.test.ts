import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import pg from 'pg'
import { createSlot } from '../../src/source/create-slot.ts'
import { connectWalsender } from '../../src/source/source-identity.ts'
import { waitForGuard } from '../../src/source/wait-for-guard.ts'
import { migrationFixture } from '../migration-fixture.ts'
import type { MigrationFixture } from '../migration-fixture.ts'
import { eventually, server, uniqueName } from '../servers.ts'

const never = new AbortController().signal
const clients: pg.Client[] = []
after(async () => {
  for (const client of clients) await client.end().catch(() => undefined)
})

async function application(fixture: MigrationFixture): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: fixture.source.url })
  client.on('error', () => undefined)
  await client.connect()
  clients.push(client)
  return client
}

async function make(major: number, attempts?: number) {
  const fixture = await migrationFixture(await server(major), await server(17), 'create table t (a int)')
  const source = await fixture.session('source')
  const walsender = await connectWalsender(source, fixture.sourceConnection, `pgmove ${fixture.id} slot`, never)
  const slot = uniqueName('s')
  const waits: string[] = []
  const create = () =>
    createSlot({
      ...{ source, walsender, slot, signal: never, onWait: (blocker) => waits.push(blocker?.xid ?? '') },
      ...(attempts === undefined ? {} : { attempts }),
    }).finally(() => walsender.close())
  return { fixture, source, create, waits }
}

for (const major of [10, 13]) {
  test(`${major}: a slot whose first snapshot is too large is tried again`, async () => {
    const { fixture, create, waits } = await make(major)
    const [first, aborting] = [await application(fixture), await application(fixture)]
    await first.query('begin; select txid_current()')
    const created = create()
    await eventually('slot creation to wait', 20, async () => waits.length > 0)
    const aborted = 'savepoint s; insert into t values (1); rollback to s;'.repeat(400)
    await aborting.query(`begin; select txid_current(); ${aborted}`)
    await first.query('commit')
    await eventually('slot creation to wait for the second', 20, async () => new Set(waits).size > 1)
    await aborting.query('commit')
    assert.match((await created).snapshot ?? '', /^\d+:\d+:/)
  })
}

test('a slot without snapshot waits for every writer of before', async () => {
  const { fixture, source, create } = await make(13, 0)
  const { snapshot } = await create()
  assert.equal(snapshot, null)
  const writer = await application(fixture)
  await writer.query('begin; insert into t values (1)')
  let passed = false
  const guard = waitForGuard(source, null, never).then(() => (passed = true))
  // Twice the guard's own pace: it has looked in between.
  await eventually('the guard to look', 10, async () => {
    const [row] = await fixture.source.sql(
      `select count(*) as n from pg_stat_activity where query like '%txid_snapshot_xmin%' and pid <> pg_backend_pid()`,
    )
    return row?.['n'] !== '0'
  })
  assert.equal(passed, false)
  await writer.query('commit')
  await guard
})

test('10: no slot without its snapshot', async () => {
  const { create } = await make(10, 0)
  await assert.rejects(create(), { kind: 'LockTimeout', side: 'source' })
})
