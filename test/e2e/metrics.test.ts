// What Prometheus and a log collector get of a worker that runs a migration.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import net from 'node:net'
import test from 'node:test'
import { parse } from 'yaml'
import { METRICS } from '../../src/metrics/metric-catalogue.ts'
import { testMigration } from '../migration-run.ts'
import { eventually } from '../servers.ts'
import { smallPair } from '../small-source.ts'

test('every metric that is listed, charted or alerted on is served by a worker', { timeout: 300_000 }, async () => {
  const { source, target } = await smallPair()
  const migration = await testMigration({ source: source.url, target: target.url })
  const address = `127.0.0.1:${await freePort()}`
  const worker = await migration.worker({ PGMOVE_METRICS_ADDRESS: address, PGMOVE_LOG_FORMAT: 'json' })
  const running = await migration.start({ ignoreWarnings: true })
  await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
  await source.sql(`insert into journal values ('one more')`)
  let text = ''
  await eventually('metrics of replication', 60, async () => {
    text = await (await fetch(`http://${address}/metrics`)).text()
    return value(text, 'pgmove_phase', 'phase="incremental"') === 1 && (value(text, 'pgmove_applied_changes') ?? 0) > 0
  })

  const of = `migration="${running.workflowId}"`
  assert.equal(value(text, 'pgmove_phase', of, 'phase="full"'), 0)
  assert.equal(value(text, 'pgmove_state', of, 'state="running"'), 1)
  assert.equal(value(text, 'pgmove_tables_copied', of), 3)
  assert.equal(value(text, 'pgmove_copied_rows', of), 4500)
  assert.equal(value(text, 'pgmove_outage_seconds', of, 'side="source"'), 0)

  const served = new Set([...text.matchAll(/^([a-z_]+)(?=[ {])/gm)].map(([, name]) => name ?? ''))
  const listed = Object.entries(METRICS).map(([name, { kind }]) => (kind === 'histogram' ? `${name}_bucket` : name))
  for (const name of listed) assert.ok(served.has(name), `${name} is not served`)
  const own = [...served].filter((name) => name.startsWith('pgmove_')).map((name) => name.replace(/_(bucket|sum|count)$/, ''))
  assert.deepEqual([...new Set(own)].sort(), Object.keys(METRICS).sort())
  const used = (await expressions()).flatMap((expression) =>
    [...expression.matchAll(/\b(?:pgmove|temporal)_[a-z_]+/g)].map(([name]) => name),
  )
  for (const name of used) assert.ok(served.has(name), `${name} is charted or alerted on, but not served`)
  for (const name of listed) assert.ok(used.includes(name), `${name} is on no chart and in no rule`)

  await running.signal('cutover')
  await running.result()
  await eventually('the end of its gauges', 60, async () => {
    text = await (await fetch(`http://${address}/metrics`)).text()
    return value(text, 'pgmove_state', of, 'state="running"') === 0
  })

  const entries = (await worker.log())
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
  for (const { level } of entries) assert.match(String(level), /^[A-Z]+$/)
  const told = (message: string) => {
    const found = entries.filter((entry) => entry['message'] === message)
    assert.ok(found.length > 0, `nothing in the log says "${message}"`)
    for (const { workflowId } of found) assert.equal(workflowId, running.workflowId)
    return found
  }
  assert.deepEqual(
    told('phase begins').map(({ phase }) => phase),
    ['schema', 'full', 'constraints', 'incremental', 'cutover', 'done'],
  )
  const copied = told('table copied')
  assert.deepEqual(copied.map(({ table }) => table).sort(), ['public.customers', 'public.journal', 'public.orders'])
  assert.deepEqual([...new Set(copied.map(({ phase }) => phase))], ['full'])
  const positions = ['source prepared', 'stream begins', 'stream ends', 'marker taken'].flatMap(told)
  for (const { lsn, phase } of positions)
    assert.match(`${String(phase)} ${String(lsn)}`, /^(schema|full|incremental|cutover) [0-9A-F]+\/[0-9A-F]+$/)
})

/** What the dashboard's charts and the alert rules ask for. */
async function expressions(): Promise<string[]> {
  const file = (name: string) => readFile(new URL(`../../deploy/${name}`, import.meta.url), 'utf8')
  const { panels } = JSON.parse(await file('grafana/pgmove.json')) as { panels: { targets: { expr: string }[] }[] }
  const { groups } = parse(await file('prometheus/pgmove-rules.yaml')) as { groups: { rules: { alert: string; expr: string }[] }[] }
  const rules = groups.flatMap((group) => group.rules.map(({ expr }) => expr))
  assert.ok(rules.length > 5 && panels.length > 5)
  return [...rules, ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))]
}

function value(text: string, name: string, ...labels: string[]): number | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`${name}{`) && labels.every((label) => one.includes(label)))
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ')))
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
