import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planCopy } from '../../src/copy/plan-copy.ts'
import { checkDefinitionDrift } from '../../src/source/definition-drift.ts'
import { readUnpublished } from '../../src/source/publication.ts'
import { readSelectedTables } from '../../src/source/selected-tables.ts'
import { publicationName } from '../../src/state/migration-ref.ts'
import { migrationFixture, WHOLE } from '../migration-fixture.ts'
import { server } from '../servers.ts'

for (const [from, members] of [
  [10, 'plain, part'],
  [13, 'plain, root'],
  [18, 'plain, root'],
] as const) {
  test(`${from}: a table that was made anew is not in the publication, and that is told before the cutover`, async () => {
    const schema = `create table plain (id int primary key);
      create table root (id int) partition by range (id); create table part partition of root for values from (0) to (9)`
    const fixture = await migrationFixture(await server(from), await server(17), `${schema}; create unlogged table scratch (id int)`)
    const [source, target] = [await fixture.session('source'), await fixture.session('target')]
    const name = publicationName(fixture.id)
    await planCopy({ target, id: fixture.id, tables: await readSelectedTables(source, WHOLE), full: true })
    const oids = async () =>
      (await source.query<{ oid: string }>(`select oid from pg_class where relname in ('plain', 'part', 'scratch') order by relname`)).map(
        ({ oid }) => oid,
      )
    const unpublished = async () => readUnpublished(source, name, await oids())
    const drift = () => checkDefinitionDrift(source, target, { id: fixture.id, spec: WHOLE, sameTypes: true })

    assert.deepEqual(await unpublished(), [], 'without a publication nothing is missed')
    await fixture.source.sql(`create publication ${name} for table ${members}`)
    assert.deepEqual(await unpublished(), [])
    await drift()
    await fixture.source.sql('alter table plain add column more int; create table late (id int)')
    await fixture.target.sql('alter table plain add column other int; alter table scratch alter column id type bigint')
    await assert.rejects(drift(), ({ message }: Error) => {
      for (const told of [
        /"plain": the target has no column more/,
        /"plain": the source has no column other any more/,
        /"scratch"\.id is integer, on the target bigint/,
        /"late" is new/,
      ]) {
        assert.match(message, told)
      }
      return true
    })
    await fixture.source.sql('drop table plain; create table plain (id int primary key)')
    const [, plain] = await oids()
    assert.deepEqual(await unpublished(), [plain])
    await assert.rejects(drift(), { kind: 'UnsupportedDdl', message: /"plain" was made anew/ })
  })
}

test('the members of a big publication are not searched for each table', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), '')
  await fixture.source.sql(`do $$ begin for n in 1..400 loop execute format('create table t%s (id int)', n); end loop; end $$`)
  await fixture.source.sql(
    `do $$ begin execute 'create publication many for table ' || (select string_agg(relname, ', ') from pg_class where relname ~ '^t\\d+$'); end $$; analyze pg_publication_rel`,
  )
  const source = await fixture.session('source')
  const all = await source.query<{ oid: string }>(`select oid from pg_class where relname ~ '^t\\d+$'`)
  assert.equal(all.length, 400)
  const before = await scans()
  assert.deepEqual(
    await readUnpublished(
      source,
      'many',
      all.map(({ oid }) => oid),
    ),
    [],
  )
  const rows = (await scans()) - before
  assert.ok(rows <= 4000, `${rows} rows of pg_publication_rel were read`)

  async function scans(): Promise<number> {
    const [row] = await source.query<{ n: string }>(
      `select pg_stat_clear_snapshot(), seq_tup_read + coalesce(idx_tup_fetch, 0) as n from pg_stat_xact_sys_tables where relname = 'pg_publication_rel'`,
    )
    return Number(row?.n ?? 0)
  }
})
