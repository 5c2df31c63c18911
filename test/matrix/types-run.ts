// Every type at its edges: copied, then inserted, updated and deleted in the stream, found by a key and without one.
import assert from 'node:assert/strict'
import { samplesOf, TYPE_DEFINITIONS } from './type-samples.ts'
import type { TypeSample } from './type-samples.ts'
import { sharedMigration } from '../migration-run.ts'
import { database, server } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'

const PATH = 'set search_path = types;'
/** `keyed` is found by `id`, `whole` by all its values, `by_value` by the type itself where it can be a key. */
const tables = (i: number): { keyed: string; whole: string; byValue: string } => ({
  keyed: `keyed_${i}`,
  whole: `whole_${i}`,
  byValue: `by_value_${i}`,
})
const transaction = (statements: readonly string[]): string => `begin;${statements.join(';')};commit;`

function create(sample: TypeSample, i: number, keyable: boolean): string {
  const { type, values } = sample
  const { keyed, whole } = tables(i)
  return [
    `create table ${keyed} (id int primary key, note int, v ${type})`,
    `create table ${whole} (id int, note int, v ${type}); alter table ${whole} replica identity full`,
    ...[...values, 'null'].map(
      (value, id) => `insert into ${keyed} values (${id}, 0, ${value}); insert into ${whole} values (${id}, 0, ${value})`,
    ),
    ...(keyable ? [createByValue(sample, i)] : []),
  ].join(';')
}

/** Every value is written over every other kind of row. */
function changes({ values }: TypeSample, i: number, keyable: boolean): { inserts: string[]; updates: string[]; more: string[] } {
  const { keyed, whole, byValue } = tables(i)
  const all = [...values, 'null']
  const after = (id: number, by: number): string => all[(id + by) % all.length]!
  return {
    inserts: all.flatMap((value, id) => [
      `insert into ${keyed} values (${100 + id}, 0, ${value})`,
      // Twice: of two equal rows one is changed and the other is not.
      ...[1, 2].map(() => `insert into ${whole} values (${100 + id}, 0, ${value})`),
    ]),
    updates: [
      ...all.flatMap((_, id) => [keyed, whole].map((name) => `update ${name} set v = ${after(id, 1)} where id = ${id}`)),
      // All but one of the columns unchanged, values out of line among them.
      ...[keyed, whole].map((name) => `update ${name} set note = id where id >= 100`),
      ...(keyable ? [`update ${byValue} set note = note + 1000`] : []),
    ],
    more: [
      ...all.flatMap((_, id) => [
        `update ${keyed} set v = ${after(id, 2)} where id = ${id}`,
        `update ${whole} set v = ${after(id, 2)} where ctid = (select min(ctid::text)::tid from ${whole} where id = ${100 + id})`,
      ]),
      ...all.flatMap((_, id) => (id % 3 === 0 ? [`delete from ${keyed} where id = ${100 + id}`] : [])),
      ...all.flatMap((_, id) =>
        id % 3 === 0 ? [`delete from ${whole} where ctid = (select min(ctid::text)::tid from ${whole} where id = ${100 + id})`] : [],
      ),
      `delete from ${whole} where id = 1`,
      ...(keyable
        ? [`delete from ${byValue} where note in (1000, 1002)`, `insert into ${byValue} values (${values[0]!}, 5) on conflict do nothing`]
        : []),
    ],
  }
}

/** Rows found by the type itself. Equal values, as 1.0 and 1.00, are one key; long ones fit into no index. */
function createByValue({ type, values }: TypeSample, i: number): string {
  const { byValue } = tables(i)
  return [
    `create table ${byValue} (v ${type} primary key, note int)`,
    ...values.map(
      (v, id) => `insert into ${byValue} select ${v}, ${id} where octet_length((${v})::${type}::text) < 1000 on conflict do nothing`,
    ),
  ].join(';')
}

/** Which of the samples' types can be a primary key: an array of points only seems to until it is compared. */
async function keyables(of: TestDatabase, samples: readonly TypeSample[]): Promise<boolean[]> {
  const found: boolean[] = []
  for (const [i, sample] of samples.entries()) {
    const made = of.sql(`${PATH} begin; ${createByValue(sample, i)}; rollback`)
    found.push(await made.then(() => true, () => false)) // prettier-ignore
  }
  assert.ok(found.filter((keyable) => keyable).length > samples.length / 2)
  return found
}

/** The type's own output to the wire, where it has one. */
async function sendFunctions(of: TestDatabase): Promise<Map<string, string>> {
  const rows = await of.sql(`
    select c.relname as name, t.typsend::oid::regproc::text as send from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'v'
      join pg_type t on t.oid = a.atttypid where c.relnamespace = 'types'::regnamespace and c.relkind = 'r' and t.typsend <> 0`)
  return new Map(rows.map(({ name, send }) => [name!, send!]))
}

/** One line for each row of each table, read over a session of its own. */
function contents(samples: readonly TypeSample[], keyable: readonly boolean[], sends: (name: string) => string | undefined): string {
  const parts = samples.flatMap(({ type, floats, textOnly }, i) => {
    const { keyed, whole, byValue } = tables(i)
    const read = (name: string, id: string): string => {
      const send = textOnly ? undefined : sends(name)
      assert.ok(send ?? !floats, `${type} can't be compared`)
      // By the output function, not by a cast: char(n) keeps its blanks, and xml its text without the declared encoding, which never leaves a server.
      const text = floats ? `''` : `case when v is null then 'null' else md5(format('%s', v)) end`
      const binary = send ? `coalesce(md5(${send}(v)), 'null')` : `''`
      return `select '${type.replaceAll("'", "''")} ${name}' || ' ' || concat_ws(' ', ${id}note, ${text}, ${binary}) as line from types.${name}`
    }
    return [read(keyed, 'id, '), read(whole, 'id, '), ...(keyable[i] ? [read(byValue, '')] : [])]
  })
  const settings = `set extra_float_digits = 3; set timezone = 'UTC'; set datestyle = 'ISO,MDY'; set intervalstyle = 'postgres'; set bytea_output = 'hex'; set lc_monetary = 'C'; set search_path = types`
  return `${settings}; select * from (${parts.join(' union all ')}) as lines order by line collate "C"`
}

/** The lines of `these` that are not among the `others`, each as often as it is there more. */
function without(these: readonly Record<string, string | null>[], others: readonly Record<string, string | null>[]): string[] {
  const left = new Map<string, number>()
  for (const { line } of others) left.set(line!, (left.get(line!) ?? 0) + 1)
  return these.flatMap(({ line }) => {
    const count = left.get(line!) ?? 0
    left.set(line!, count - 1)
    return count > 0 ? [] : [line!]
  })
}

/** Moves every type between two servers, and fails unless each value is there as it was. */
export async function typesRun(from: number, to: number): Promise<void> {
  const source = await database(await server(from))
  const target = await database(await server(to))
  const samples = samplesOf(from, to)
  await source.sql(TYPE_DEFINITIONS)
  const keyable = await keyables(source, samples)
  await source.sql(PATH + samples.map((sample, i) => create(sample, i, keyable[i]!)).join(';'))
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const running = await migration.start({ ignoreWarnings: true })
  await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)

  const changed = samples.map((sample, i) => changes(sample, i, keyable[i]!))
  // A transaction of many rows of all tables for each kind of change; then a transaction for each type.
  await source.sql(PATH + transaction(changed.flatMap(({ inserts }) => inserts)))
  await source.sql(PATH + transaction(changed.flatMap(({ updates }) => updates)))
  await source.sql(PATH + changed.map(({ more }) => transaction(more)).join(''))
  await running.signal('cutover')
  await running.reach('the end', (s) => s.state === 'completed')

  const [here, there] = [await sendFunctions(source), await sendFunctions(target)]
  const read = contents(samples, keyable, (name) => (here.get(name) === there.get(name) ? here.get(name) : undefined))
  const [before, after] = [await source.sql(read), await target.sql(read)]
  assert.ok(before.length > samples.length * 10)
  assert.deepEqual({ missing: without(before, after), extra: without(after, before) }, { missing: [], extra: [] })
}
