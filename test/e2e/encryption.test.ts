// A migration whose payloads Temporal can't read.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import test from 'node:test'
import proto from '@temporalio/proto'
import { temporalCommand } from '../../demo/temporal-command.ts'
import { workerPolls } from '../../src/cli/worker-presence.ts'
import { codecServer } from '../../src/encryption/codec-server.ts'
import { EncryptionCodec } from '../../src/encryption/encryption-codec.ts'
import { readPayloadKeys } from '../../src/encryption/payload-keys.ts'
import type { MigrationReport } from '../../src/workflows/migration-report.ts'
import type { Status } from '../../src/workflows/status.ts'
import { cli } from '../cli-run.ts'
import { testMigration } from '../migration-run.ts'
import { atEnd, eventually, uniqueName } from '../servers.ts'
import { smallPair } from '../small-source.ts'

const LIMIT = { timeout: 180_000 }

test('with keys Temporal stores nothing that it can read; command, CLI and codec server go on as without', LIMIT, async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-keys-'))
  atEnd(() => rm(folder, { recursive: true, force: true }))
  const keys = { PGMOVE_PAYLOAD_KEYS_FILE: path.join(folder, 'keys') }
  await writeFile(keys.PGMOVE_PAYLOAD_KEYS_FILE, `test:${randomBytes(32).toString('base64')}\n`)
  const { source, target } = await smallPair()
  const migration = await testMigration({ source: source.url, target: target.url })
  await migration.worker(keys)
  const env = { ...migration.env, ...keys }
  const { client, address, taskQueue } = migration
  const polls = () => workerPolls({ client, namespace: 'default', address, close: async () => undefined }, taskQueue)
  await eventually('the worker', 60, polls)
  const workflowId = uniqueName('migration')
  const spec = path.join(folder, 'spec.json')
  const text = JSON.stringify({ ...migration.connections, name: 'the secret shop', ddl: 'pause', ignoreWarnings: true })
  await writeFile(spec, text)
  const pgmove = async (...args: string[]) => {
    const result = await cli([...args, '--json'], { env })
    assert.equal(result.code, 0, result.stderr)
    return result.json()
  }
  await pgmove('start', spec, '--id', workflowId)
  const handle = migration.client.workflow.getHandle(workflowId)
  atEnd(() => handle.terminate('the test is over').catch(() => undefined))
  const status = async () => ((await pgmove('status', workflowId)) as { status: Status }).status
  const reach = (what: string, done: (status: Status) => boolean) => eventually(what, 90, async () => done(await status()))
  await reach('undelayed replication', ({ phase, undelayed }) => phase === 'incremental' && undelayed)

  const server = codecServer({ codec: new EncryptionCodec((await readPayloadKeys(keys)) ?? assert.fail()), origins: [] }).listen(
    0,
    '127.0.0.1',
  )
  await once(server, 'listening')
  atEnd(async () => server.close().closeAllConnections())
  const temporal = temporalCommand(migration.cli, migration.address)
  const codec = ['--codec-endpoint', `http://127.0.0.1:${(server.address() as AddressInfo).port}`]
  const shown = (...more: string[]) => temporal.run('workflow', 'show', '--workflow-id', workflowId, '--output', 'json', ...more)
  const readable = Buffer.from(text).toString('base64')
  assert.ok((await shown(...codec)).includes(readable))
  assert.ok(!(await shown()).includes(readable))
  const query = ['workflow', 'query', '--workflow-id', workflowId, '--name', 'status']
  assert.match(await temporal.run(...query, ...codec), /"phase":\s*"incremental"/)
  const blind = await cli(['status', workflowId], { env: migration.env })
  assert.equal(blind.code, 1)
  assert.match(blind.stderr, /PGMOVE_PAYLOAD_KEYS_FILE must name the file/)

  // One signal is encrypted by the codec server, one comes from somebody who has no keys.
  const signal = (name: string, ...more: string[]) =>
    temporal.run('workflow', 'signal', '--workflow-id', workflowId, '--name', name, ...more)
  await signal('setTransferRate', '--input', '{"rowsPerSecond":12345}', ...codec)
  await signal('pause')
  await reach('the pause', ({ state }) => state === 'paused')
  await signal('resume')
  await signal('cutover', ...codec)
  await eventually('the end', 90, async () => (await handle.describe()).status.name === 'COMPLETED')
  const report = (await pgmove('report', workflowId)) as MigrationReport
  assert.equal(report.rows, '4500')

  const raw = Buffer.from(proto.temporal.api.history.v1.History.encode(await handle.fetchHistory()).finish())
  assert.ok(raw.includes('binary/encrypted') && raw.includes('migrateDatabase'))
  for (const plain of ['the secret shop', 'TEST_SOURCE', 'customers', 'journal', '12345', 'incremental']) {
    assert.ok(!raw.includes(plain), `the history says ${plain}`)
  }
})

test('the codec server says where it listens, and ends when it is told to; without keys it does not begin', LIMIT, async () => {
  const without = await cli(['codec-server', '--listen', '127.0.0.1:0'], { env: {} })
  assert.equal(without.code, 2)
  assert.match(without.stderr, /PGMOVE_PAYLOAD_KEYS_FILE must name the file/)
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-keys-'))
  atEnd(() => rm(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'keys')
  await writeFile(file, `one:${randomBytes(32).toString('base64')}\n`)
  const { code, stderr } = await cli(['codec-server', '--listen', '127.0.0.1:0'], {
    env: { PGMOVE_PAYLOAD_KEYS_FILE: file },
    interrupt: (send) => send(),
  })
  assert.equal(code, 0)
  assert.match(stderr, /Listening on http:\/\/127\.0\.0\.1:[1-9]\d*, with 1 key\./)
})
