import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import manifest from '../../package.json' with { type: 'json' }
import { PROJECT_FOLDER } from '../../src/project-folder.ts'

const run = promisify(execFile)

let folder: string
let files: string[]

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-test-'))
  // Not built ahead, which takes long: `npm run test:package` does that.
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: PROJECT_FOLDER,
    maxBuffer: 16 << 20,
  })
  const said = JSON.parse(stdout) as Packed[] | Record<string, Packed>
  const [packed] = Object.values(said)
  assert.ok(packed)
  files = packed.files.map((file) => file.path)
  await run('tar', ['-xzf', path.join(folder, packed.filename), '-C', folder])
  await symlink(path.join(PROJECT_FOLDER, 'node_modules'), path.join(folder, 'node_modules'))
})
after(() => rm(folder, { recursive: true, force: true }))

interface Packed {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

test('the package holds what runs and what is read, and nothing else', () => {
  const tops = new Set(files.map((file) => file.split('/')[0] ?? ''))
  const wanted = new Set(['LICENSE', 'README.md', 'package.json', ...manifest.files.map((name) => name.split('/')[0] ?? '')])
  assert.deepEqual(
    [...tops].filter((name) => !wanted.has(name)),
    [],
  )
  for (const name of ['test', 'bench', 'dev', 'demo', 'soak', 'node_modules', '.cache']) assert.ok(!tops.has(name), name)
  for (const file of [
    ...Object.values(manifest.bin),
    'src/start-worker.mjs',
    'src/worker-health.ts',
    'src/workflows/index.ts',
    'tsconfig.json',
    'migration-spec.schema.json',
    'docs/tutorial.md',
    'docs/reference/command.md',
    'deploy/kubernetes/worker.yaml',
    'deploy/grafana/pgmove.json',
    'OPERATIONS.md',
    'LICENSE',
  ]) {
    assert.ok(files.includes(file), file)
  }
})

test('the command starts from the unpacked package', async () => {
  const { stdout } = await run(process.execPath, [path.join(folder, 'package', manifest.bin.pgmove), '--version'])
  assert.equal(stdout, `${manifest.version}\n`)
})
