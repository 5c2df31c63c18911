import type { Database } from '../../postgres/connect.ts'
import type { MetadataDifference } from './metadata-difference.ts'

/** What pgmove calls the things that it keeps off, and what the comparison calls them, with the attribute that shows it; undefined: all. */
const KEPT: Readonly<Record<string, readonly [kind: string, attribute?: string]>> = {
  trigger: ['trigger'],
  rule: ['rule'],
  identity: ['column', 'identity'],
  force_row_security: ['table', 'forced row security'],
  foreign_key: ['constraint'],
}
/** pg_dump's kinds of what is made after the data. */
const LATER: Readonly<Record<string, string>> = {
  'FK CONSTRAINT': 'constraint',
  CONSTRAINT: 'constraint',
  'CHECK CONSTRAINT': 'constraint',
  TRIGGER: 'trigger',
  RULE: 'rule',
  POLICY: 'policy',
  INDEX: 'index',
}
const ACCESS: ReadonlySet<string> = new Set(['owner', 'privileges'])
/** Its own stand-ins for foreign keys, and indexes that rows are looked up by. */
const OWN = /(^|\.)pgmove_[^.]*$/

/**
 * Tells differences that migrations which stream between these databases keep on purpose until their cutover: triggers, rules, identities, row security and
 * foreign keys that are off or still to be made, owners and grants that are still to be given, and replica identities that pgmove has set on the source.
 *
 * @param migrations their IDs
 */
export async function differencesUntilCutover(
  source: Database,
  target: Database,
  migrations: readonly string[],
): Promise<(difference: MetadataDifference) => boolean> {
  if (migrations.length === 0) return () => false
  const ids = JSON.stringify(migrations)
  const mine = 'id in (select json_array_elements_text($1::json))'
  const kept = await target.query<{ kind: string; object: string }>(
    `select kind, object from pgmove.object_change where ${mine} and restored_at is null`,
    [ids],
  )
  const later = await target.query<{ kind: string; schema: string; table: string; name: string }>(
    `select kind, table_schema as schema, table_name as "table", name from pgmove.entry
      where ${mine} and restored_at is null and table_schema is not null and table_name is not null`,
    [ids],
  )
  const [access] = await target.query(`select from pgmove.access_change where ${mine} and done_at is null limit 1`, [ids])
  const identities = await source.query<{ object: string }>(
    `select name as object from pgmove.installed where ${mine} and kind = 'replica identity'`,
    [ids],
  )
  const expected = new Set<string>()
  const expect = (kind: string, object: string, attribute?: string): Set<string> => expected.add(`${kind} ${object} ${attribute ?? ''}`)
  for (const { kind, object } of kept) {
    const [as, attribute] = KEPT[kind] ?? []
    if (as !== undefined) expect(as, plain(object), attribute)
  }
  for (const { kind, schema, table, name } of later) {
    const own = name.startsWith(`${table} `) ? name.slice(table.length + 1) : name
    const as = LATER[kind]
    if (as === 'index') expect(as, `${schema}.${own}`).add(`${as} ${schema}.${table}.${own} `)
    else if (as !== undefined) expect(as, `${schema}.${table}.${own}`)
  }
  for (const { object } of identities) expect('table', plain(object), 'replica identity')
  return ({ kind, object, attribute, source: here }) =>
    expected.has(`${kind} ${object} `) ||
    expected.has(`${kind} ${object} ${attribute}`) ||
    (access !== undefined && ACCESS.has(attribute)) ||
    (here === null && attribute === 'existence' && OWN.test(object))
}

/** `"schema"."table" "name"` as the comparison writes it. */
function plain(object: string): string {
  return [...object.matchAll(/"((?:[^"]|"")*)"/g)].map(([, part = '']) => part.replaceAll('""', '"')).join('.')
}
