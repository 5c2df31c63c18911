import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import test, { after } from 'node:test'
import { promisify } from 'node:util'
import { clientProgram } from '../../src/postgres/client-program.ts'
import { connect } from '../../src/postgres/connect.ts'
import type { Database } from '../../src/postgres/connect.ts'
import { resolveConnection } from '../../src/postgres/resolve-connection.ts'
import { comparedMetadata } from '../metadata-run.ts'
import { database, server } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'
import { zoo } from '../zoo/zoo.ts'

const run = promisify(execFile)
const open: Database[] = []
after(async () => {
  for (const session of open) await session.close()
})

async function session(url: string, side: 'source' | 'target'): Promise<Database> {
  const opened = await connect(await resolveConnection({ url }, side, {}), { side, applicationName: 'metadata test' })
  open.push(opened)
  return opened
}

/** The zoo on one server, and what pg_dump and psql make of it on another. */
async function zooPair(from: number, to: number): Promise<[TestDatabase, TestDatabase]> {
  const [source, target] = [await database(await server(from)), await database(await server(to))]
  const all = zoo(from, { known: Math.min(from, to) })
  await source.sql(all)
  const [pgDump, psql] = [await clientProgram('pg_dump', 18), await clientProgram('psql', 18)]
  // pg_dump 18 writes NOT NULL of inherited columns as no older server can read it.
  const { stdout } = await run(pgDump, ['-s', '-T', 'zoo.strict_*', '-d', source.url], { maxBuffer: 100_000_000 })
  const child = run(psql, ['-Xq', '-d', target.url])
  child.child.stdin?.end(stdout)
  await child
  const strict = all.split('\n').filter((line) => line.includes(' zoo.strict_'))
  await target.sql(`${strict.join('\n')} revoke select on zoo.strict_child, zoo.strict_grandchild from public`)
  // A dump without rows leaves materialized views empty; so they are on the source too.
  const views = await source.sql(
    `select quote_ident(schemaname) || '.' || quote_ident(matviewname) as name from pg_matviews where ispopulated`,
  )
  for (const { name } of views) await source.sql(`refresh materialized view ${name} with no data`)
  return [source, target]
}

for (const [from, to] of [
  [10, 18],
  [13, 17],
  [18, 18],
] as const) {
  test(`a zoo of objects is the same on ${from} and ${to}`, async () => {
    const [source, target] = await zooPair(from, to)
    const [here, there] = [await session(source.url, 'source'), await session(target.url, 'target')]
    const { list, notCompared, compared } = await comparedMetadata(here, there)
    assert.deepEqual([list, notCompared], [[], []])
    assert.ok(Object.keys(compared).length >= 30 && (compared['column'] ?? 0) > 100, JSON.stringify(compared))
    // And the other way round.
    const back = await comparedMetadata(there, here)
    assert.deepEqual([back.list, back.notCompared], [[], []])
  })
}

test('what a role may not read is not compared, and the rest is', async () => {
  const on = await server(17)
  const [source, target] = [await database(on), await database(on)]
  for (const side of [source, target]) await side.sql('create table a (i int primary key); create view v as select i from a')
  await source.sql('create table b (i int)')
  await source.sql(`do $$ begin create role metadata_reader login; exception when duplicate_object then null; end $$`)
  await source.sql('revoke select on pg_catalog.pg_policy from public')
  const [here, there] = [await session(on.url(source.name, 'metadata_reader'), 'source'), await session(target.url, 'target')]
  const { list, notCompared } = await comparedMetadata(here, there)
  assert.deepEqual(list, [{ kind: 'table', object: 'public.b', attribute: 'existence', source: 'present', target: null }])
  assert.deepEqual(
    notCompared.map(({ kind, object }) => [kind, object]),
    [['policy', null]],
  )
  assert.match(notCompared[0]?.reason ?? '', /On the source: permission denied for table pg_policy/)
})
