import assert from 'node:assert/strict'
import { test } from 'node:test'
import { workerEnvironment } from '../../src/cli/commands/worker.ts'
import { cli } from '../cli-run.ts'
import { program } from '../../src/cli/program.ts'
import { Cli } from '../../src/cli/cli.ts'

const SPEC = JSON.stringify({ name: "it's a shop", source: { env: 'S' }, target: { env: 'T' } })

/** What `--show-command` prints. */
async function shown(...args: string[]): Promise<string> {
  const result = await cli([...args, '--show-command'], { stdin: SPEC })
  assert.equal(result.code, 0, result.stderr)
  return result.stdout.trimEnd()
}

test('each command shows what the Temporal CLI does the same with', async () => {
  const update = 'temporal workflow update execute --workflow-id shop --name'
  assert.equal(await shown('pause', 'shop'), `${update} pause`)
  assert.equal(await shown('resume', 'shop'), `${update} resume`)
  assert.equal(await shown('abort-cutover', 'shop'), `${update} abortCutover`)
  assert.equal(await shown('cutover', 'shop'), `${update} cutover`)
  assert.equal(await shown('cutover', 'shop', '--fence', 'readOnly'), `${update} cutover --input '{"fence":"readOnly"}'`)
  assert.equal(
    await shown('resolve', 'shop', '--table', "public.it's", '--with', 'copyAgain'),
    `${update} resolve --input '{"schema":"public","table":"it'\\''s","action":"copyAgain"}'`,
  )
  assert.equal(
    await shown('rate', 'shop', '--megabytes-per-second', '2.5', '--rows-per-second', 'none'),
    `${update} setTransferRate --input '{"megabytesPerSecond":2.5,"rowsPerSecond":null}'`,
  )
  assert.equal(await shown('rerun-precheck', 'shop'), `${update} rerunPrecheck`)
  assert.equal(await shown('rerun-precheck', 'shop', '--ignore-warnings'), `${update} rerunPrecheck --input '{"ignoreWarnings":true}'`)
  assert.equal(
    await shown('rerun-precheck', 'shop', '--ignore-warnings', 'a, b'),
    `${update} rerunPrecheck --input '{"ignoreWarnings":["a","b"]}'`,
  )
  assert.equal(await shown('status', 'my shop'), `temporal workflow query --workflow-id 'my shop' --type status`)
  assert.equal(await shown('report', 'shop'), 'temporal workflow result --workflow-id shop')
  assert.equal(await shown('wait', 'shop'), 'temporal workflow result --workflow-id shop')
  assert.equal(await shown('cancel', 'shop'), 'temporal workflow cancel --workflow-id shop')
  assert.match(await shown('list'), /^temporal workflow list --query 'WorkflowType = /)
  assert.match(await shown('setup'), /^temporal schedule create --schedule-id pgmove-clean-up-slots --interval 90m /m)
  assert.equal(
    await shown('clean-up', '--source', 'env:S', '--older-than', '24h', '--dry-run'),
    `temporal workflow execute --task-queue pgmove --type cleanUpSlots --input '{"sources":[{"env":"S"}],"olderThan":"24h","dryRun":true}'`,
  )
  assert.match(
    await shown('start', '-', '--id', 'shop', '--task-queue', 'q'),
    /^temporal workflow start --task-queue q --type migrateDatabase --workflow-id shop --input '\{"name":"it'\\''s a shop",.*' --id-conflict-policy Fail /,
  )
  assert.deepEqual((await shown('check', '-')).split('\n').length, 2)
  assert.match(await shown('validate', '-', '--what', 'data', '--sample', '0.5'), /"validation":\{"what":\["data"\],"sample":0.5\}\}'$/)
})

test('a shown command goes to the same Temporal, without the API key', async () => {
  const line = await shown(
    'status',
    'shop',
    '--address',
    'temporal:7233',
    '--namespace',
    'ops',
    '--tls',
    '--api-key',
    'sesame',
    '--grpc-meta',
    'a=b c',
  )
  assert.equal(
    line,
    `temporal workflow query --workflow-id shop --type status --address temporal:7233 --namespace ops --api-key "$TEMPORAL_API_KEY" --tls --grpc-meta 'a=b c'`,
  )
  const json = await cli(['pause', 'shop', '--show-command', '--json'])
  assert.deepEqual(json.json(), { commands: ['temporal workflow update execute --workflow-id shop --name pause'] })
})

for (const [why, ...args] of [
  ['no command'],
  ['an unknown command', 'strat', 'shop.json'],
  ['an unknown option', 'status', 'shop', '--wach'],
  ['an argument that is missing', 'pause'],
  ['one too many', 'pause', 'shop', 'other'],
  ['an unknown fence', 'cutover', 'shop', '--fence', 'closed'],
  ['an unknown answer', 'resolve', 'shop', '--table', 'a.b', '--with', 'skip'],
  ['a table without schema', 'resolve', 'shop', '--table', 'orders', '--with', 'retry'],
  ['no limit', 'rate', 'shop'],
  ['a limit that is none', 'rate', 'shop', '--rows-per-second', '0'],
  ['a wrong number', 'list', '--limit', 'x'],
  ['a wrong age', 'clean-up', '--older-than', 'yesterday'],
  ['a spec without a name', 'start', '-'],
] as const) {
  test(`${why} is bad usage: 2, told on standard error, and with --json as a document`, async () => {
    const result = await cli([...args], { stdin: SPEC })
    assert.equal(result.code, 2)
    assert.notEqual(result.stderr, '')
    assert.equal(result.stdout, '')
    if (args.length === 0) return
    const json = (await cli([...args, '--json'], { stdin: SPEC })).json() as { error: { exitCode: number } }
    assert.equal(json.error.exitCode, 2)
  })
}

test('every command has a description, an example and help that ends with 0', async () => {
  const commands = program(new Cli({} as never)).commands.map((command) => command.name())
  assert.ok(commands.length >= 17)
  for (const name of commands) {
    const { code, stdout } = await cli([name, '--help'])
    assert.equal(code, 0)
    assert.match(stdout, /Examples?:\n {2}\S/, name)
  }
  const help = await cli(['--help'])
  assert.equal(help.code, 0)
  assert.match(help.stdout, /Exit codes:\n {2}0 {4}done/)
  assert.match((await cli(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/)
})

test('without Temporal a command ends with 4 and says where it looked', async () => {
  const result = await cli(['status', 'shop', '--address', '127.0.0.1:1', '--client-connect-timeout', '300ms', '--json'])
  assert.equal(result.code, 4)
  assert.match(result.stderr, /can't be reached at 127\.0\.0\.1:1/)
  assert.equal((result.json() as { error: { type: string } }).error.type, 'TemporalUnreachable')
})

test('wrong settings for Temporal are bad usage', async () => {
  const result = await cli(['status', 'shop', '--profile', 'nowhere', '--config-file', '/nowhere/temporal.toml'])
  assert.equal(result.code, 2)
  assert.match(result.stderr, /settings for Temporal/)
})

test('a worker gets the settings in its environment', () => {
  assert.deepEqual(workerEnvironment({ color: 'auto', address: 'a:1', namespace: 'n', tls: true, taskQueue: 'q' }), {
    TEMPORAL_ADDRESS: 'a:1',
    TEMPORAL_NAMESPACE: 'n',
    TEMPORAL_TLS: 'true',
    PGMOVE_TASK_QUEUE: 'q',
  })
})
