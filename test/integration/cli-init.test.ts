import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { validateSpec } from '../../src/spec/validate-spec.ts'
import { cli } from '../cli-run.ts'
import { atEnd, database, server } from '../servers.ts'
import { fillSmallSource } from '../small-source.ts'

test('init writes a spec that fits the source, and never over another file', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-init-'))
  atEnd(() => rm(folder, { recursive: true, force: true }))
  const source = await database(await server(13))
  await fillSmallSource(source)
  const file = path.join(folder, 'shop.json')
  const target = 'postgres://u:geheim@nowhere.invalid/shop'
  const args = ['init', '--source', 'env:URL', '--target', target, '--output', file]
  const env = { URL: source.url }

  const first = await cli(args, { env })
  assert.equal(first.code, 0, first.stderr)
  const text = await readFile(file, 'utf8')
  const spec = JSON.parse(text) as Record<string, unknown>
  assert.deepEqual(spec['source'], { env: 'URL' })
  assert.deepEqual(spec['target'], { url: 'postgres://u@nowhere.invalid/shop', password: { env: 'SHOP_TARGET_PASSWORD' } })
  assert.ok('spec' in validateSpec(spec))
  assert.ok(!`${text}${first.stdout}${first.stderr}`.includes('geheim'))
  assert.match(
    first.stdout,
    /^The source is PostgreSQL 13\.\d+, database .*: 3 tables, .*\n[^]*public\.journal[^]*Workers need the variables URL and SHOP_TARGET_PASSWORD\.\n/,
  )
  assert.match(first.stdout, new RegExp(`pgmove check ${file}`))

  const again = await cli(args, { env })
  assert.equal(again.code, 2)
  assert.match(again.stderr, /--force replaces it/)
  assert.equal((await cli(args, { env, answer: 'n' })).code, 1)
  assert.equal((await cli([...args, '--force', '--name', 'other', '--json'], { env })).code, 0)
  assert.equal((JSON.parse(await readFile(file, 'utf8')) as { name: string }).name, 'other')
  const shown = await cli(['init', '--source', 'env:URL', '--target', 'env:B', '--output', '-'], { env })
  assert.ok('spec' in validateSpec(JSON.parse(shown.stdout)))
})

test('init says why the source can not be looked at', async () => {
  const missing = await cli(['init', '--source', 'env:NOT_THERE', '--target', 'env:B'])
  assert.equal(missing.code, 2)
  assert.match(missing.stderr, /no variable NOT_THERE here/)
  const URL = (await server(13)).url('not_there')
  const refused = await cli(['init', '--source', 'env:URL', '--target', 'env:B'], { env: { URL } })
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /can't be looked at; nothing was written\.\n.*not_there.* does not exist/)
})
