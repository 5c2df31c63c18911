import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import test from 'node:test'
import { promisify } from 'node:util'
import { MigrationError } from '../../src/errors/migration-error.ts'
import { clientProgram } from '../../src/postgres/client-program.ts'
import type { Database } from '../../src/postgres/connect.ts'
import { parseArchiveToc } from '../../src/schema/archive-toc.ts'
import { restoreAccess } from '../../src/roles/restore-access.ts'
import { restoreConstraints } from '../../src/schema/restore-constraints.ts'
import { restoreDefinitions } from '../../src/schema/restore-definitions.ts'
import { restoreIndexes } from '../../src/schema/restore-indexes.ts'
import { EXTENSION_TABLES } from '../extension-tables.ts'
import { sampleDatabase } from './schema-sample.ts'
import { reference, schemaRun, script } from './schema-run.ts'

for (const [from, to] of [[13, 17], [10, 18], [18, 17]] as const) {
  test(`${from} to ${to}: the target's definitions are what pg_dump and psql make of the source's`, async () => {
    const run = await schemaRun(from, to, sampleDatabase(from))
    const { entries } = await run.dump()
    assert.ok(entries > 80, String(entries))
    await run.restore()
    assert.equal(await script(run.to), await reference(run.from, to))
    assert.deepEqual(await run.notes('skipped'), {})
    assert.deepEqual(await run.notes('warning'), {})
    // Once more is nothing: everything is done.
    assert.deepEqual(await run.dump(), { entries, skipped: 0 })
    await run.restore()
  })
} // prettier-ignore

/** A session that fails every `nth` statement once it has reached the server: the answer is lost, or the transaction with it. */
function failing(target: Database, nth: number): Database {
  let count = 0
  return new Proxy(target, {
    get(object, key) {
      const value: unknown = Reflect.get(object, key, object)
      if (typeof value !== 'function') return value
      if (key !== 'query') return value.bind(object) as unknown
      return async (...args: unknown[]) => {
        const result: unknown = await (value as (...args: unknown[]) => Promise<unknown>).apply(object, args)
        if (++count % nth === 0) throw new MigrationError('ConnectionLost', 'On the target: lost by the test', { side: 'target' })
        return result
      }
    },
  })
}

test('killed again and again at other places, the restore ends with the same definitions', async () => {
  const run = await schemaRun(13, 17, sampleDatabase(13))
  const { id, signal } = run
  await run.dump()
  let failures = 0
  const beside = await run.anotherTarget()
  for (const stage of [
    (options: Parameters<typeof restoreDefinitions>[0]) =>
      restoreDefinitions({ ...options, jobs: 2, fewest: 2, openSession: () => Promise.resolve(beside) }),
    restoreIndexes,
    (options: Parameters<typeof restoreDefinitions>[0]) => restoreConstraints({ ...options, replicaRole: true, incremental: false }),
    restoreAccess,
  ]) {
    for (let nth = 4; ; nth++) {
      const attempt = stage({ target: failing(run.target, nth), id, signal })
      const done = await attempt.then(() => true, (error: unknown) => {
        assert.equal((error as MigrationError).kind, 'ConnectionLost', String(error))
        failures++
        return false
      }) // prettier-ignore
      if (done) break
    }
  }
  assert.ok(failures > 5, String(failures))
  assert.equal(await script(run.to), await reference(run.from, 17))
})

test('two attempts at once restore everything once', async () => {
  const run = await schemaRun(13, 17, sampleDatabase(13))
  const { id, signal } = run
  await run.dump()
  const both = [run.target, await run.anotherTarget()]
  const total = async (work: (target: Database) => Promise<number>) => (await Promise.all(both.map(work))).reduce((sum, done) => sum + done)
  const remaining = async () => {
    const [row] = await run.target.query('select count(*) as n from pgmove.entry where id = $1 and restored_at is null', [id])
    return Number(row?.['n'])
  }
  const before = await remaining()
  const definitions = await total(async (target) => (await restoreDefinitions({ target, id, signal })).restored)
  const indexes = await total((target) => restoreIndexes({ target, id, signal }))
  const constraints = await total((target) => restoreConstraints({ target, id, signal, replicaRole: true, incremental: false }))
  assert.equal(definitions + indexes + constraints, before)
  await Promise.all(both.map((target) => restoreAccess({ target, id, signal })))
  assert.deepEqual(await run.notes('skipped'), {})
  assert.equal(await remaining(), 0)
  assert.equal(await script(run.to), await reference(run.from, 17))
})

test('the archive is read as pg_restore lists it', async () => {
  const { from } = await schemaRun(13, 17, sampleDatabase(13))
  const options = { encoding: 'buffer', maxBuffer: 1e8 } as const
  const { stdout: archive } = await promisify(execFile)(await clientProgram('pg_dump', 13), ['-Fc', '-s', '-d', from.url], options)
  const listing = promisify(execFile)(await clientProgram('pg_restore', 13), ['-l', '-v'], { maxBuffer: 1e8 })
  listing.child.stdin?.end(archive)
  const { stdout } = await listing
  const listed: string[] = []
  for (const line of stdout.split('\n')) {
    if (line.startsWith(';\tdepends on:')) listed.push(`${listed.pop()} <- ${line.slice(14)}`)
    else if (line !== '' && !line.startsWith(';')) listed.push(line)
  }
  const oneLine = (text: string) => text.replaceAll(/[\r\n]/g, ' ')
  const parsed = parseArchiveToc(archive).entries.map((entry) => {
    const line = `${entry.dumpId}; ${entry.catalog} ${entry.oid} ${entry.kind} ${oneLine(entry.schema ?? '-')} ${oneLine(entry.tag)} ${entry.owner ?? ''}`
    return entry.dependencies.length > 0 ? `${line} <- ${entry.dependencies.join(' ')}` : line
  })
  assert.deepEqual(parsed, listed)
})

test('an object that the target refuses is named and waited for; made by hand, it counts', async () => {
  const run = await schemaRun(
    13,
    17,
    `create table public.t (id int primary key);
     create view public.uses as select datlastsysoid from pg_database;
     create view public.above as select * from public.uses;`,
  )
  await run.dump()
  await assert.rejects(run.restore(), (error: unknown) => {
    assert.ok(error instanceof MigrationError)
    assert.equal(error.kind, 'SchemaMismatch')
    assert.match(error.message, /VIEW "public"."uses" could not be created: column pg_database.datlastsysoid does not exist/)
    return true
  })
  assert.deepEqual(Object.keys(await run.notes('warning')), ['VIEW "public"."uses"'])
  await run.to.sql('create view public.uses as select 1::oid as datlastsysoid')
  await run.restore()
  assert.match((await run.notes('warning'))['VIEW "public"."uses"'] ?? '', /made by hand/)
  assert.equal((await run.to.sql('select * from public.above'))[0]?.['datlastsysoid'], '1')
})

test('security labels whose provider the target lacks and rows in tables of extensions are named, and hold nothing up', async () => {
  // No provider ships with a server; a label's row is all that pg_dump sees of one.
  const run = await schemaRun(
    13,
    17,
    `create table public.t (id int primary key, v text);
     comment on table public.t is 'a comment';
     create function public.f() returns int language sql as 'select 1';
     insert into pg_seclabel select 't'::regclass, 'pg_class'::regclass, n, 'dummy', 'secret label' from generate_series(0, 2, 2) n;
     insert into pg_seclabel values ('f()'::regprocedure, 'pg_proc'::regclass, 0, 'Other one', 'secret label');
     ${EXTENSION_TABLES}`,
  )
  await run.dump()
  await run.restore()
  const skipped = await run.notes('skipped')
  assert.deepEqual(Object.keys(skipped), [
    'SECURITY LABEL "public"."FUNCTION f()"',
    'SECURITY LABEL "public"."TABLE t"',
    'rows of "public"."settings"',
  ])
  assert.match(skipped['rows of "public"."settings"'] ?? '', /left out: tables of extensions \("hstore"\) are not copied/)
  assert.match(skipped['SECURITY LABEL "public"."FUNCTION f()"'] ?? '', /no label provider "Other one"/)
  assert.match(skipped['SECURITY LABEL "public"."TABLE t"'] ?? '', /no label provider dummy.*shared_preload_libraries/)
  assert.doesNotMatch(JSON.stringify(skipped), /secret label/)
  assert.deepEqual(await run.to.sql(`select obj_description('t'::regclass) as comment, f()`), [{ comment: 'a comment', f: '1' }])
})
