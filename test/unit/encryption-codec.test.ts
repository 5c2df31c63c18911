import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import test from 'node:test'
import { defaultPayloadConverter } from '@temporalio/common'
import type { Payload } from '@temporalio/common'
import fc from 'fast-check'
import { codecServer } from '../../src/encryption/codec-server.ts'
import { EncryptionCodec } from '../../src/encryption/encryption-codec.ts'
import { parsePayloadKeys, readPayloadKeys } from '../../src/encryption/payload-keys.ts'

const [OLD, NEW] = [randomBytes(32), randomBytes(32)]
const codecOf = (...keys: readonly [string, Buffer][]) => new EncryptionCodec(new Map(keys))
const CODEC = codecOf(['old', OLD])
const payloadOf = (value: unknown): Payload => defaultPayloadConverter.toPayload(value)
const valueOf = (payload: Payload | undefined): unknown => payload && defaultPayloadConverter.fromPayload(payload)
const encrypted = async (value: unknown): Promise<Payload> => (await CODEC.encode([payloadOf(value)]))[0] ?? assert.fail()

test('what is encrypted comes back, and says nothing meanwhile; never twice the same', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue()), async (values) => {
      const payloads = values.map(payloadOf)
      const sent = await CODEC.encode(payloads)
      assert.deepEqual((await CODEC.decode(sent)).map(valueOf), payloads.map(valueOf))
    }),
  )
  const [one, other] = [await encrypted('shop.orders'), await encrypted('shop.orders')]
  assert.ok(!Buffer.from(one.data ?? []).includes('orders'))
  assert.notDeepEqual(one.data, other.data)
})

test('the first key encrypts, all decrypt; an unknown key and a changed payload are told', async () => {
  const both = codecOf(['new', NEW], ['old', OLD])
  const sent = await encrypted('x')
  assert.equal(valueOf((await both.decode([sent]))[0]), 'x')
  await assert.rejects(CODEC.decode(await both.encode([payloadOf('x')])), /encrypted with the key "new", which is not among those given/)
  await assert.rejects(codecOf(['old', NEW]).decode([sent]), /can't be decrypted with the key "old"/)
  const changed = Buffer.from(sent.data ?? [])
  changed.writeUInt8(changed.readUInt8(15) ^ 1, 15)
  await assert.rejects(CODEC.decode([{ ...sent, data: changed }]), /can't be decrypted/)
  await assert.rejects(CODEC.decode([{ ...sent, data: Buffer.alloc(3) }]), /can't be decrypted/)
})

test('what is not encrypted is taken as it is', async () => {
  assert.equal(valueOf((await CODEC.decode([payloadOf('plain')]))[0]), 'plain')
})

test('a file of keys: what is wrong is told with its line, and no key is quoted', async () => {
  const key = OLD.toString('base64')
  assert.deepEqual([...parsePayloadKeys(`# newest first\n2026-11:${NEW.toString('base64')}\r\n\nold:${key}\n`).keys()], ['2026-11', 'old'])
  for (const [text, message] of [
    ['', /it holds no key\. Expected: a line "ID:KEY"/],
    [key, /line 1 is no key/],
    [`a:${key}\nb c:${key}`, /line 2 is no key/],
    [`a:${OLD.subarray(1).toString('base64')}`, /the key a in line 1 has 31 bytes/],
    [`a:${key}\na:${key}`, /line 2 has the ID a a second time/],
  ] as const) {
    assert.throws(
      () => parsePayloadKeys(text),
      (error: Error) => message.test(error.message) && !error.message.includes(key),
    )
  }
  assert.equal(await readPayloadKeys({}), undefined)
  await assert.rejects(
    readPayloadKeys({ PGMOVE_PAYLOAD_KEYS_FILE: '/nowhere/keys' }),
    /PGMOVE_PAYLOAD_KEYS_FILE names \/nowhere\/keys, which can't be read \(ENOENT\)/,
  )
})

test('the codec server answers as the protocol has it, and pages of known Web UIs only', async () => {
  const server = codecServer({ codec: CODEC, origins: ['http://ui.example:8233'] }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const ask = (path: string, body: string, origin = 'http://ui.example:8233') =>
      fetch(`${url}${path}`, { method: 'POST', body, headers: { origin, 'content-type': 'application/json', 'x-namespace': 'default' } })
    const plain = { metadata: { encoding: btoa('json/plain') }, data: btoa('{"a":1}') }
    const encoded = (await (await ask('/encode', JSON.stringify({ payloads: [plain] }))).json()) as {
      payloads: { metadata: Record<string, string>; data: string }[]
    }
    assert.equal(atob(encoded.payloads[0]?.metadata['encoding'] ?? ''), 'binary/encrypted')
    const decoded = await ask('/default/decode', JSON.stringify(encoded))
    assert.equal(decoded.headers.get('access-control-allow-origin'), 'http://ui.example:8233')
    assert.deepEqual(await decoded.json(), { payloads: [plain] })
    assert.equal((await ask('/decode', '{}', 'http://evil.example')).headers.get('access-control-allow-origin'), null)
    const preflight = await fetch(`${url}/decode`, { method: 'OPTIONS', headers: { origin: 'http://ui.example:8233' } })
    assert.equal(preflight.status, 204)
    assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /x-namespace/)
    const foreign = { metadata: { encoding: btoa('binary/encrypted'), 'encryption-key-id': btoa('other') }, data: '' }
    for (const [status, answer] of [
      [400, await ask('/decode', 'no JSON')],
      [400, await ask('/decode', JSON.stringify({ payloads: [foreign] }))],
      [404, await ask('/', '{}')],
      [405, await fetch(`${url}/decode`)],
    ] as const) {
      assert.equal(answer.status, status)
      assert.ok(((await answer.json()) as { message: string }).message)
    }
  } finally {
    server.close()
    server.closeAllConnections()
  }
})
