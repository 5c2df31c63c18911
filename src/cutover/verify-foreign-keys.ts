import type { Database } from '../postgres/connect.ts'
import { ident, identOf, qualified } from '../postgres/quote.ts'
import { STAND_IN_PREFIX } from '../schema/stand-in-foreign-key.ts'
import { validationFailed } from './validation-failed.ts'

interface KeyRow extends Record<string, string | null> {
  name: string
  schema: string
  table: string
  kind: string
  ref_schema: string
  ref_table: string
  ref_kind: string
  match: string
  /** FOREIGN KEY (…, PERIOD …): the last column must be covered by the referenced ranges together. */
  period: string
  /** JSON list of KeyColumn. */
  columns: string
}

interface KeyColumn {
  readonly name: string
  readonly references: string
  /** `operator(schema.=)` with the referenced column on its left. */
  readonly equals: string
  /** The referenced column's collation where the referencing one's is another. */
  readonly collation: string | null
}

const MOST = 1000

/**
 * Looks for rows without the row that they refer to, under every valid foreign key from migrated tables or to them, and under what
 * stands for one. While the stream is applied in replica role no key is checked, and VALIDATE does nothing for a key that counts
 * as valid already (measured). Keys that are NOT VALID on the source are not looked at.
 *
 * @throws MigrationError `ValidationFailed` naming the keys
 */
export async function verifyForeignKeys({
  target,
  beside = [],
  id,
  signal,
}: {
  target: Database
  /** More sessions, each of which looks at a key at a time. Nobody can write until all are done. */
  beside?: readonly Database[]
  id: string
  signal: AbortSignal
}): Promise<{ keys: number }> {
  const keys = await readForeignKeys(target, id)
  const waiting = [...keys.entries()]
  const broken: [number, string][] = []
  const lane = async (session: Database): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      signal.throwIfAborted()
      const [i, key] = next
      const [row] = await session.query<{ n: string }>(violations(key))
      if (!row || row.n === '0') continue
      broken.push([
        i,
        `${ident(key.name)} on ${qualified(key.schema, key.table)} (${row.n === String(MOST) ? `at least ${MOST}` : row.n} rows)`,
      ])
    }
  }
  const lanes = [target, ...beside].map((session) => lane(session))
  try {
    await Promise.all(lanes)
  } finally {
    // After a failure the others end with the key that they look at.
    waiting.length = 0
    await Promise.allSettled(lanes)
  }
  if (broken.length > 0) {
    throw validationFailed(
      'rows lack the row that they refer to',
      broken.sort(([a], [b]) => a - b).map(([, text]) => text),
    )
  }
  return { keys: keys.length }
}

async function readForeignKeys(target: Database, id: string): Promise<KeyRow[]> {
  // Keys of partitions are those of their roots.
  const topmost = target.version >= 110000 ? 'k.conparentid = 0' : 'true'
  const period = target.version >= 180000 ? 'k.conperiod' : 'false'
  return target.query<KeyRow>(
    `with recursive migrated as (
       select c.oid from pgmove.migrated_table m
         join pg_namespace n on n.nspname = m.target_schema join pg_class c on c.relnamespace = n.oid and c.relname = m.target_table
        where m.id = $1
       union
       select i.inhparent from migrated m join pg_class c on c.oid = m.oid and c.relispartition join pg_inherits i on i.inhrelid = c.oid
     ), unchecked as (
       -- Stand-ins of keys that the source has NOT VALID.
       select o.restore from pgmove.object_change o
         join pgmove.entry e on e.id = o.id and e.kind = 'FK CONSTRAINT' and e.definition ~ 'NOT VALID;?\\s*$'
          and o.object = ${identOf('e.table_schema')} || '.' || ${identOf('e.table_name')} || ' ' || ${identOf('substr(e.name, length(e.table_name) + 2)')}
        where o.id = $1 and o.kind = 'foreign_key' and o.restored_at is null
     )
     select k.conname as name, n.nspname as schema, c.relname as "table", c.relkind as kind, rn.nspname as ref_schema, r.relname as ref_table,
            r.relkind as ref_kind, k.confmatchtype as match, ${period} as period,
            (select json_agg(json_build_object('name', a.attname, 'references', b.attname, 'equals', format('operator(%I.%s)', s.nspname, o.oprname),
                      'collation', case when a.attcollation <> b.attcollation and b.attcollation <> 0 then format('%I.%I', cn.nspname, co.collname) end) order by u.i)
               from unnest(k.conkey, k.confkey, k.conpfeqop) with ordinality as u (num, ref, op, i)
               join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num
               join pg_attribute b on b.attrelid = k.confrelid and b.attnum = u.ref
               join pg_operator o on o.oid = u.op join pg_namespace s on s.oid = o.oprnamespace
               left join pg_collation co on co.oid = b.attcollation left join pg_namespace cn on cn.oid = co.collnamespace) as columns
       from pg_constraint k
       join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
       join pg_class r on r.oid = k.confrelid join pg_namespace rn on rn.oid = r.relnamespace
      where k.contype = 'f' and ${topmost} and (k.conrelid in (select oid from migrated) or k.confrelid in (select oid from migrated))
        and (k.convalidated and left(k.conname, ${STAND_IN_PREFIX.length}) <> '${STAND_IN_PREFIX}'
             or left(k.conname, ${STAND_IN_PREFIX.length}) = '${STAND_IN_PREFIX}'
                and not exists (select from unchecked where position(k.conname::text in unchecked.restore) > 0))
      -- The biggest tables first, so that none is left for last.
      order by pg_relation_size(c.oid) desc, 2, 3, 1`,
    [id],
  )
}

/** Counts them, up to a limit. Keys are few words of the catalogue, no values of rows. */
function violations({ kind, schema, table, ref_kind, ref_schema, ref_table, match, period, columns: text }: KeyRow): string {
  const columns = JSON.parse(text) as KeyColumn[]
  const relation = (of: string, inSchema: string, name: string): string => `${of === 'p' ? '' : 'only '}${qualified(inSchema, name)}`
  const every = (test: string): string => columns.map(({ name }) => `c.${ident(name)} ${test}`).join(' and ')
  const equal = ({ name, references, equals, collation }: KeyColumn): string =>
    `p.${ident(references)} ${equals} c.${ident(name)}${collation === null ? '' : ` collate ${collation}`}`
  const last = columns.at(-1)
  const referenced = relation(ref_kind, ref_schema, ref_table)
  const found =
    period === 't' && last
      ? `coalesce(c.${ident(last.name)} <@ (select range_agg(p.${ident(last.references)}) from ${referenced} p where ${columns.slice(0, -1).map(equal).join(' and ')}), false)`
      : `exists (select from ${referenced} p where ${columns.map(equal).join(' and ')})`
  const lacking = `${every('is not null')} and not ${found}`
  // MATCH FULL also forbids a key that is NULL in parts.
  const where = match === 'f' ? `not (${every('is null')}) and (not (${every('is not null')}) or (${lacking}))` : lacking
  return `select count(*) as n from (select from ${relation(kind, schema, table)} c where ${where} limit ${MOST}) x`
}
