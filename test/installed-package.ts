// `npm run test:package [MAJOR…]`: installs the packed package into an empty folder and moves a small database with it, on Node.js 20, 22 and 24.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { Ends } from '../dev/ends.ts'
import { eventually } from '../dev/eventually.ts'
import { ownEnvironment } from '../dev/own-environment.ts'
import { startPostgres } from '../dev/postgres-server.ts'
import { startTemporal } from '../dev/temporal-server.ts'
import { withSession } from '../demo/session.ts'
import manifest from '../package.json' with { type: 'json' }
import { cacheFolder } from '../src/postgres/cache-folder.ts'
import { PROJECT_FOLDER } from '../src/project-folder.ts'

const run = promisify(execFile)
const MAJORS = ['20', '22', '24']
const ROWS = 1000

const running = new Ends()
const scratch = await mkdtemp(path.join(os.tmpdir(), 'pgmove-package-'))
try {
  await chmod(scratch, 0o755)
  await npm(['pack', '--pack-destination', scratch], PROJECT_FOLDER, process.env)
  const tarball = (await readdir(scratch)).find((name) => name.endsWith('.tgz'))
  assert.ok(tarball)
  const [source, target, temporal] = await Promise.all([
    startPostgres({ major: 13 }).then((server) => running.add(server, () => server.stop())),
    startPostgres({ major: 18 }).then((server) => running.add(server, () => server.stop())),
    startTemporal().then((server) => running.add(server, () => server.stop())),
  ])
  const chosen = process.argv.slice(2)
  for (const major of chosen.length > 0 ? chosen : MAJORS) {
    const urls = { source: source.url(`shop${major}`), target: target.url(`shop${major}`) }
    for (const server of [source, target]) {
      await withSession(server.url('postgres'), ({ query }) => query(`create database shop${major} template template0`))
    }
    const begun = Date.now()
    const version = await onNode(major, path.join(scratch, tarball), { urls, address: temporal.address })
    console.log(`✔ Node.js ${version}: installed, and ${ROWS} rows moved (${Math.round((Date.now() - begun) / 1000)} s)`)
  }
} finally {
  await running.end()
  await rm(scratch, { recursive: true, force: true })
}

interface Servers {
  readonly urls: { readonly source: string; readonly target: string }
  readonly address: string
}

/** Returns Node.js' whole version. */
async function onNode(major: string, tarball: string, { urls, address }: Servers): Promise<string> {
  const folder = path.join(scratch, `node${major}`)
  const node = path.join(folder, 'node')
  await mkdir(node, { recursive: true })
  await npm(['install', '--prefix', node, `node-${process.platform}-${process.arch}@${major}`], node, process.env)
  const bin = path.join(node, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin')
  const work = path.join(folder, 'work')
  await mkdir(work)
  await writeFile(path.join(work, 'package.json'), '{ "private": true }')
  const env: NodeJS.ProcessEnv = {
    ...ownEnvironment(),
    PATH: `${bin}${path.delimiter}${process.env['PATH']}`,
    TEMPORAL_ADDRESS: address,
    PGMOVE_TASK_QUEUE: `node${major}`,
    PGMOVE_CACHE: cacheFolder(),
    SHOP_SOURCE_URL: urls.source,
    SHOP_TARGET_URL: urls.target,
  }
  await npm(['install', tarball], work, env)
  const { stdout: version } = await run('node', ['--version'], { cwd: work, env })
  assert.match(version, new RegExp(`^v${major}\\.`))

  const pgmove = async (...args: string[]): Promise<string> =>
    (await run('npx', ['--no-install', 'pgmove', ...args], { cwd: work, env })).stdout
  assert.equal(await pgmove('--version'), `${manifest.version}\n`)
  assert.match(await pgmove('--help'), /^Usage: pgmove/)

  await withSession(urls.source, async ({ query }) => {
    await query('create table public.orders (id bigint generated always as identity primary key, what text)')
    await query(`insert into public.orders (what) select 'order ' || n from generate_series(1, ${ROWS - 1}) n`)
  })
  // Nothing may be built where it is installed: with its files read-only it works all the same.
  await run('chmod', ['-R', 'a-w', path.join(work, 'node_modules', 'pgmove')])
  const worker = spawn('npx', ['--no-install', 'pgmove', 'worker'], { cwd: work, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const ended = new Promise<number | null>((resolve) => worker.once('close', resolve))
  let log = ''
  for (const stream of [worker.stdout, worker.stderr]) stream.on('data', (chunk: Buffer) => (log += chunk.toString()))
  try {
    const spec = { name: 'shop', source: { env: 'SHOP_SOURCE_URL' }, target: { env: 'SHOP_TARGET_URL' } }
    await writeFile(path.join(work, 'shop.json'), JSON.stringify(spec))
    await eventually('a worker that polls', 60, async () => {
      assert.equal(worker.exitCode, null, log)
      return await pgmove('check', 'shop.json').then(
        () => true,
        (error: { code?: number; stdout?: string }) => {
          assert.equal(error.code, 4, error.stdout)
          return false
        },
      )
    })
    await pgmove('start', 'shop.json', '--id', `shop${major}`)
    await pgmove('wait', `shop${major}`, '--until', 'undelayed')
    await withSession(urls.source, ({ query }) => query(`insert into public.orders (what) values ('the last one')`))
    await pgmove('cutover', `shop${major}`, '--yes')
    assert.match(await pgmove('report', `shop${major}`), /all equal/)
    await withSession(urls.target, async ({ query }) => {
      const [row] = await query('select count(*) as rows, max(id) as newest from public.orders')
      assert.deepEqual({ ...row }, { rows: String(ROWS), newest: String(ROWS) })
    })
  } finally {
    if (worker.pid !== undefined) process.kill(-worker.pid, 'SIGTERM')
    await ended
  }
  assert.doesNotMatch(log, /built|bundl/i, 'what was built ahead is used')
  return version.trim()
}

async function npm(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<void> {
  await run('npm', [...args, '--no-audit', '--no-fund'], { cwd, env, maxBuffer: 16 << 20 })
}
