import assert from 'node:assert/strict'
import test from 'node:test'
import { MigrationError } from '../../src/errors/migration-error.ts'
import { prepareTargetTables } from '../../src/schema/prepare-target-tables.ts'
import { sampleDatabase } from './schema-sample.ts'
import { reference, schemaRun, script } from './schema-run.ts'
import type { SchemaRun } from './schema-run.ts'

async function differs(run: SchemaRun, message: RegExp): Promise<void> {
  const before = await script(run.to)
  await assert.rejects(run.dump(), (error: unknown) => {
    assert.ok(error instanceof MigrationError, String(error))
    assert.equal(error.kind, 'SchemaMismatch', error.message)
    assert.match(error.message, message)
    assert.ok(error.message.length < 1024)
    return true
  })
  assert.equal(await script(run.to), before)
}

for (const [from, to] of [[13, 13], [13, 17], [10, 18]] as const) {
  test(`${from} to ${to}: what an earlier migration made counts as equal, whatever the versions' wording, and what is missing is added`, async () => {
    const first = await schemaRun(from, to, sampleDatabase(from))
    await first.dump()
    await prepareTargetTables({ target: first.target, id: first.id, incremental: true })
    await first.restore({ incremental: true, replicaRole: false })
    await prepareTargetTables({ target: first.target, id: first.id, incremental: true })
    // As it is left by a migration that failed: triggers off, identities and foreign keys weakened.
    await first.to.sql(`update pgmove.migration set finished_at = now(), outcome = 'failed'`)
    await first.to.sql('drop view report.new_orders; drop table report.later')

    const again = await first.again()
    await again.dump()
    const stored = await again.to.sql(`select kind || ' ' || name as name from pgmove.entry where id = '${again.id}' and skipped is null and kind not in ('ACL', 'COMMENT', 'FK CONSTRAINT') order by 1`)
    assert.deepEqual(stored.map(({ name }) => name), ['TABLE later', 'VIEW new_orders'])
    await again.restore()
    assert.equal(await script(again.to), await reference(again.from, to))
  })
} // prettier-ignore

test('an existing object that differs stops with a diff, before anything is created', async () => {
  const source = `create table public.t (id int primary key, v text default 'a'); create view public.v as select id from public.t;
    create function public.f() returns int language sql as 'select 1'`
  const target = (sql: string) => schemaRun(13, 17, source).then(async (run) => (await run.to.sql(sql), run))
  await differs(
    await target(`create table public.t (id int primary key, v text default 'b')`),
    /TABLE "public"."t" \(source: v text DEFAULT 'a'::text \| target: v text DEFAULT 'b'::text\)/,
  )
  const equal = `create table public.t (id int primary key, v text default 'a');`
  await differs(await target(`${equal} create view public.v as select id + 0 as id from public.t`), /VIEW "public"."v" \(source: /)
  await differs(await target(`${equal} alter table public.t add check (id > 0)`), /TABLE "public"."t"/)
  await differs(await target(`${equal} alter table public.t add unique (v)`), /CONSTRAINT "public"."t t_v_key" \(only the target has it\)/)
  await differs(await target(`create table public.v (id int)`), /VIEW "public"."v" \(on the target it is a TABLE\)/)
  await differs(await target(`create function public.f() returns int language sql as 'select 2'`), /FUNCTION "public"."f\(\)"/)
  const run = await target(
    `${equal} create schema other; create table other.t (id int); comment on table public.t is 'x'; grant select on public.t to public`,
  )
  await run.dump()
  await run.restore()
})
