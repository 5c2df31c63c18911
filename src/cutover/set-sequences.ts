import { MigrationError } from '../errors/migration-error.ts'
import { NameMap } from '../mapping/name-map.ts'
import type { Database } from '../postgres/connect.ts'
import { literal, qualified } from '../postgres/quote.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { readMigratedTables } from '../state/migrated-table.ts'
import { sequencesInScope } from './sequences-in-scope.ts'
import type { SequenceName } from './sequences-in-scope.ts'

/** A sequence of the source, unless told otherwise, with its state. */
export interface SequenceValue extends SequenceName {
  /** As PostgreSQL prints it. */
  readonly lastValue: string
  /** Whether `lastValue` has been given out. */
  readonly isCalled: boolean
}

const BATCH = 200

/**
 * Sets every sequence on the target exactly as on the source, and reads the source again: `moved` are those that somebody used
 * meanwhile. May be run again. Sequences are read from themselves, not from pg_sequences, whose last_value is NULL without
 * rights or before the first use.
 */
export async function setSequences({
  source,
  target,
  id,
  spec,
  map = new NameMap(),
}: {
  source: Database
  target: Database
  id: string
  spec: Pick<MigrationSpec, 'objects' | 'exclude'>
  /** How names are called on the target. Default: as on the source. */
  map?: NameMap
}): Promise<{ /** By their names on the target. */ values: SequenceValue[]; /** On the source, quoted. */ moved: string[] }> {
  const leftOut = (await readMigratedTables(target, id)).filter((table) => table.leftOut !== undefined)
  const names = await sequencesInScope(source, spec, map, new Set(leftOut.map((t) => `${t.sourceSchema}\0${t.sourceTable}`)))
  const read = await readSequences(source, names)
  const values = read.map((value) => ({ ...value, ...map.relation(value) }))
  await checkThere(target, values)
  for (let at = 0; at < values.length; at += BATCH) {
    const batch = values.slice(at, at + BATCH)
    const calls = batch.map((s) => `setval(${literal(qualified(s.schema, s.name))}::regclass, ${BigInt(s.lastValue)}, ${s.isCalled})`)
    await target.query(`select ${calls.join(', ')}`)
    await target.query(
      `insert into pgmove.sequence_value (id, schema, name, last_value, is_called)
       select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::boolean[])
       on conflict (id, schema, name) do update set last_value = excluded.last_value, is_called = excluded.is_called, set_at = clock_timestamp()`,
      [
        id,
        ...[batch.map((s) => s.schema), batch.map((s) => s.name), batch.map((s) => s.lastValue), batch.map((s) => String(s.isCalled))].map(
          textArray,
        ),
      ],
    )
  }
  const again = await readSequences(source, names)
  const moved = again.filter((s, i) => s.lastValue !== read[i]?.lastValue || s.isCalled !== read[i].isCalled)
  return { values, moved: moved.map((s) => qualified(s.schema, s.name)) }
}

/** Values in the order of the names. */
export async function readSequences(database: Database, names: readonly SequenceName[]): Promise<SequenceValue[]> {
  const values: SequenceValue[] = []
  for (let at = 0; at < names.length; at += BATCH) {
    const batch = names.slice(at, at + BATCH)
    const parts = batch.map(({ schema, name }, i) => `select ${i} as i, last_value, is_called from ${qualified(schema, name)}`)
    const rows = await database.query<{ last_value: string; is_called: string }>(`${parts.join(' union all ')} order by i`)
    batch.forEach((name, i) => {
      const row = rows[i]
      if (row) values.push({ ...name, lastValue: row.last_value, isCalled: row.is_called === 't' })
    })
  }
  return values
}

async function checkThere(target: Database, names: readonly SequenceName[]): Promise<void> {
  const missing = await target.query<{ name: string }>(
    `select format('%I.%I', s, n) as name from unnest($1::text[], $2::text[]) as x (s, n)
     where not exists (select from pg_class c join pg_namespace m on m.oid = c.relnamespace where c.relkind = 'S' and m.nspname = s and c.relname = n)
     limit 10`,
    [textArray(names.map((n) => n.schema)), textArray(names.map((n) => n.name))],
  )
  if (missing.length === 0) return
  throw new MigrationError(
    'SchemaMismatch',
    `On the target: sequences of the source are missing: ${missing.map(({ name }) => name).join(', ')}. Nothing was set. Create them, then send the signal resume.`,
    { side: 'target' },
  )
}

function textArray(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`).join(',')}}`
}
