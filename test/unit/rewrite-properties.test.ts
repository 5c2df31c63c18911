import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import fc from 'fast-check'
import { NameMap } from '../../src/mapping/name-map.ts'
import { loadParser, rewriteDefinition } from '../../src/mapping/rewrite-definition.ts'
import { rewriteTag } from '../../src/mapping/rewrite-tag.ts'
import { sameDefinition } from '../../src/mapping/same-definition.ts'
import { plainIdent } from '../../src/mapping/sql-parser.ts'
import { ident, literal, qualified } from '../../src/postgres/quote.ts'

before(loadParser)

const KEYWORDS = ['select', 'table', 'name', 'value', 'public', 'range', 'values', 'role', 'type', 'user', 'old', 'new', 'key', 'pgm_0']
const name = fc
  .oneof(
    fc.constantFrom(...KEYWORDS, 'a"b', 'a.b', "it's", 'Ä😀', 'back\\slash', ' ', '$1', 'x'.repeat(63)),
    fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }),
  )
  .filter((text) => !/[\u0000-\u001f\u007f]/u.test(text) && Buffer.byteLength(text) <= 63 && Buffer.from(text).toString() === text) // eslint-disable-line no-control-regex

interface Names {
  readonly schema: string
  readonly table: string
  readonly other: string
  readonly a: string
  readonly b: string
}

const names = fc
  .tuple(name, name, name, name, name)
  .filter(([, table, other, a, b]) => table !== other && a !== b && ![a, b].some((column) => ['ctid', 'xmin', 'oid'].includes(column)))
  .map(([schema, table, other, a, b]): Names => ({ schema, table, other, a, b }))

/** Statements in which every name stands for itself, without aliases, so that the way back gives the same. */
function statements({ schema, table, other, a, b }: Names): string[] {
  const [t, o, x, y] = [qualified(schema, table), qualified(schema, other), ident(a), ident(b)]
  return [
    `create table ${t} (${x} integer not null, ${y} text default ${literal(table)}::text, constraint c check ((${x} > 0) and (${y} <> 'x')))`,
    `alter table only ${t} add constraint k primary key (${x}, ${y}) include (${x})`,
    `alter table only ${o} add constraint k foreign key (z) references ${t}(${x})`,
    `create index i on ${t} using btree (${x}, lower(${y})) where (${y} is not null)`,
    `create trigger t after update of ${x} on ${t} for each row when (old.${y} <> new.${x}) execute function ${qualified(schema, 'f')}()`,
    `comment on column ${t}.${x} is ${literal(t)}`,
    `alter table ${t} alter column ${x} set default nextval(${literal(`${plainIdent(schema)}.${plainIdent(other)}`)}::regclass)`,
    `grant select (${y}) on table ${t} to public`,
    `create rule r as on update to ${t} do also insert into ${o} (z) values (new.${x})`,
    `create function ${qualified(schema, 'f')}(${t}) returns ${o}[] language sql as $pgm$ select 1 from ${o} order by z $pgm$`,
  ]
}

function mapOf(from: Names, to: Names): NameMap {
  const columns = [[from.a, to.a], [from.b, to.b]] as const // prettier-ignore
  return new NameMap({
    schemas: from.schema === to.schema ? [] : [[from.schema, to.schema]],
    tables: [{ schema: from.schema, name: from.table, as: to.table, columns }],
  })
}

test('the identity changes nothing, and a map gives exactly the statements written with the target’s names', () => {
  fc.assert(
    fc.property(names, names, (from, wanted) => {
      // Only one table of the two is renamed.
      const to = { ...wanted, other: from.other }
      fc.pre(to.table !== to.other)
      const map = mapOf(from, to)
      const back = mapOf(to, from)
      const expected = statements(to)
      for (const [index, source] of statements(from).entries()) {
        assert.equal(rewriteDefinition(source, new NameMap()).definition, source)
        const { definition, remarks } = rewriteDefinition(source, map)
        const target = (expected[index] ?? '').replace(literal(to.table) + '::text', () => literal(from.table) + '::text')
        const comment = target.startsWith('comment')
          ? target.replace(/ is .*/su, () => ` is ${literal(qualified(from.schema, from.table))}`)
          : target
        assert.ok(sameDefinition(definition, comment), `${source}\n→ ${definition}\nwanted ${comment}`)
        assert.deepEqual(remarks, [])
        assert.ok(sameDefinition(rewriteDefinition(definition, back).definition, source), `${definition} → back`)
      }
    }),
    { numRuns: 60 },
  )
})

test('tags follow', () => {
  fc.assert(
    fc.property(names, names, (from, to) => {
      const map = mapOf(from, to)
      const table = { schema: from.schema, name: from.table }
      const tag = (kind: string, text: string) => rewriteTag({ kind, schema: from.schema, tag: text }, table, map)
      assert.equal(tag('TABLE', from.table), to.table)
      assert.equal(tag('CONSTRAINT', `${from.table} c d`), `${to.table} c d`)
      assert.equal(tag('DEFAULT', `${from.table} ${from.a}`), `${to.table} ${to.a}`)
      const column = (of: Names) => `comment on COLUMN ${ident(of.table)}.${ident(of.b)} is null`
      assert.ok(sameDefinition(`comment on ${tag('COMMENT', `COLUMN ${ident(from.table)}.${ident(from.b)}`)} is null`, column(to)))
    }),
    { numRuns: 60 },
  )
})
