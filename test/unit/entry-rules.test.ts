import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { TocEntry } from '../../src/schema/archive-toc.ts'
import { stagesOf } from '../../src/schema/entry-stage.ts'
import { sameText } from '../../src/schema/equal-definition.ts'
import { asNotValid, parseForeignKey } from '../../src/schema/foreign-key-definition.ts'
import { withReplicaIdentity } from '../../src/schema/own-objects.ts'
import { selectEntries } from '../../src/schema/select-entries.ts'
import { standInFor } from '../../src/schema/stand-in-foreign-key.ts'
import { ident, qualified } from '../../src/postgres/quote.ts'

function entry(dumpId: number, kind: string, tag: string, dependencies: number[] = [], more: Partial<TocEntry> = {}): TocEntry {
  const section = /INDEX|CONSTRAINT|TRIGGER|RULE|STATISTICS/.test(kind) ? 'post-data' : 'pre-data'
  const plain = {
    catalog: '1',
    oid: String(dumpId),
    section,
    definition: '',
    schema: 's',
    tablespace: null,
    accessMethod: null,
    owner: 'o',
  } as const
  return { dumpId, kind, tag, dependencies, ...plain, ...more }
}

test('no entry comes in an earlier stage than one that it needs', () => {
  const kinds = fc.constantFrom('TABLE', 'INDEX', 'CONSTRAINT', 'FK CONSTRAINT', 'TRIGGER', 'COMMENT', 'MATERIALIZED VIEW')
  const archive = fc.array(fc.tuple(kinds, fc.array(fc.nat(20)), fc.boolean())).map((list) =>
    list.map(([kind, needs, post], i) =>
      entry(
        i,
        kind,
        String(i),
        needs.filter((id) => id < i),
        post ? { section: 'post-data' } : {},
      ),
    ),
  )
  const order = ['definition', 'index', 'constraint']
  fc.assert(
    fc.property(archive, (entries) => {
      const stages = stagesOf(entries, new Set())
      for (const { dumpId, dependencies } of entries) {
        for (const id of dependencies) assert.ok(order.indexOf(stages.get(id)!) <= order.indexOf(stages.get(dumpId)!))
      }
    }),
  )
})

test('an index of a view that waits for a key comes after it; indexes of partitioned tables come before the data', () => {
  const entries = [
    entry(1, 'TABLE', 't'),
    entry(2, 'CONSTRAINT', 't pk', [1]),
    entry(3, 'MATERIALIZED VIEW', 'v', [2], { section: 'post-data' }),
    entry(4, 'INDEX', 'v_idx', [3]),
    entry(5, 'INDEX', 'on root', [1]),
    entry(6, 'COMMENT', 'INDEX v_idx', [4], { section: 'none' }),
    entry(7, 'TRIGGER', 't tr', [1]),
  ]
  const stages = stagesOf(entries, new Set(['1:5']))
  assert.deepEqual([...stages.values()], ['definition', 'index', 'constraint', 'constraint', 'definition', 'constraint', 'constraint'])
})

test('what is selected is there with all that it needs; what needs an unselected table is left out with all that needs it', () => {
  const table = { schema: 's', name: 't', kind: 'r' }
  const entries = [
    entry(1, 'SCHEMA', 's', [], { schema: null }),
    entry(2, 'SCHEMA', 'lib', [], { schema: null }),
    entry(3, 'TYPE', 'mood', [], { schema: 'lib' }),
    entry(4, 'TYPE', 'unused', [], { schema: 'lib' }),
    entry(5, 'TABLE', 't', [3]),
    entry(6, 'COMMENT', 'TABLE t', [5], { section: 'none' }),
    entry(7, 'FK CONSTRAINT', 't fk', [5]),
    entry(8, 'VIEW', 'v', [5]),
    entry(9, 'VIEW', 'above', [8]),
    entry(10, 'COMMENT', 'VIEW v', [8], { section: 'none' }),
    entry(11, 'EVENT TRIGGER', 'et', [], { schema: null }),
  ]
  const { selected, leftOut } = selectEntries({
    entries,
    spec: { objects: [{ schema: 's' }], exclude: [] },
    tables: new Map([[5, table], [7, table]]),
    isSelected: () => true,
    dependents: new Map([['1:7', 'because'], ['1:8', 'because']]),
    own: new Set(),
  }) // prettier-ignore
  assert.deepEqual(selected.map(({ dumpId }) => dumpId), [1, 2, 3, 5, 6]) // prettier-ignore
  assert.deepEqual(leftOut.map(({ entry: { dumpId }, reason }) => [dumpId, reason]), [[7, 'because'], [8, 'because'], [9, 'because']]) // prettier-ignore
})

test('foreign keys are read whatever their names are', () => {
  const name = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\0'))
  const action = fc.constantFrom('', ' ON DELETE CASCADE', ' ON UPDATE SET NULL ON DELETE RESTRICT', ' ON DELETE SET NULL ("a")')
  const deferral = fc.constantFrom('', ' DEFERRABLE', ' DEFERRABLE INITIALLY DEFERRED')
  fc.assert(
    fc.property(fc.tuple(name, name, name, name), fc.boolean(), fc.boolean(), action, deferral, fc.boolean(), ([schema, table, key, column], only, full, does, deferred, valid) => {
      const relation = qualified(schema, table)
      const definition =
        `ALTER TABLE ${only ? 'ONLY ' : ''}${relation}\n    ADD CONSTRAINT ${ident(key)} FOREIGN KEY (${ident(column)}, b) REFERENCES app.x(${ident(column)}, "C")` +
        `${full ? ' MATCH FULL' : ''}${does}${deferred}${valid ? '' : ' NOT VALID'};\n`
      assert.deepEqual(parseForeignKey(definition), {
        table: relation,
        name: key,
        partitioned: !only,
        columns: `(${ident(column)}, b)`,
        references: `app.x(${ident(column)}, "C")`,
        referencedTable: 'app.x',
        match: full ? 'MATCH FULL' : '',
        actsOnNothing: does === '',
        initiallyDeferred: deferred.endsWith('DEFERRED'),
        valid,
        enforced: true,
      })
      assert.equal(parseForeignKey(asNotValid(definition)).valid, false)
    }),
  ) // prettier-ignore
  assert.throws(() => parseForeignKey('ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0)'), /unknown form/)
})

test('a stand-in does nothing of its own and is checked at commit; the true key follows', () => {
  const definition = 'ALTER TABLE ONLY app.a\n    ADD CONSTRAINT k FOREIGN KEY (b) REFERENCES app.b(id) MATCH FULL ON DELETE CASCADE;\n'
  const { change, add } = standInFor({ version: 170000 }, { schema: 'app', name: 'a' }, definition, {
    own: true,
    followers: ['comment on x'],
  })
  const [, name] = /add constraint ("pgmove_fk_[0-9a-f]{16}")/.exec(add) ?? []
  assert.equal(
    add,
    `alter table only app.a add constraint ${name} foreign key (b) references app.b(id) MATCH FULL deferrable initially deferred not valid`,
  )
  assert.equal(change.object, '"app"."a" "k"')
  assert.equal(
    change.restore,
    `alter table only app.a drop constraint if exists ${name};\n${definition.trim().replace(';', ' NOT VALID;')}\ncomment on x`,
  )
  const partitioned = definition.replace('ONLY ', '')
  assert.match(standInFor({ version: 170000 }, { schema: 'app', name: 'a' }, partitioned, { own: true }).add, /initially deferred$/)
  assert.match(standInFor({ version: 180000 }, { schema: 'app', name: 'a' }, partitioned, { own: true }).add, /not valid$/)
})

test('a replica identity that pgmove set is taken back in the definition', () => {
  const table = 'CREATE TABLE s.t (\n    a text DEFAULT \'REPLICA IDENTITY FULL;\'::text\n);\n'
  const force = '\nALTER TABLE ONLY s.t FORCE ROW LEVEL SECURITY;\n'
  const full = `${table}\nALTER TABLE ONLY s.t REPLICA IDENTITY FULL;\n`
  assert.equal(withReplicaIdentity(full, 'd'), `${table}`)
  assert.equal(withReplicaIdentity(`${full}${force}`, 'd'), `${table}${force}`)
  assert.equal(withReplicaIdentity(full, 'n'), full.replace(/FULL;\n$/, 'NOTHING;\n'))
  assert.equal(withReplicaIdentity(full, 'f'), full)
  assert.equal(withReplicaIdentity(table, 'd'), table)
}) // prettier-ignore

test("newer servers' words count as the older ones' only where the versions differ in them", () => {
  const [old, recent] = ['CREATE TRIGGER t … EXECUTE PROCEDURE f();', 'CREATE TRIGGER t … EXECUTE FUNCTION f();']
  assert.equal(sameText('TRIGGER', old, recent, [100023, 170000]), true)
  assert.equal(sameText('TRIGGER', old, recent, [130000, 170000]), false)
  assert.equal(sameText('VIEW', old, recent, [100023, 170000]), false)
  assert.equal(sameText('TABLE', '  a int NOT NULL', '  a int CONSTRAINT "x ""y" NOT NULL', [170000, 180000]), true)
  assert.equal(sameText('TABLE', '  a int NOT NULL', '  a int CONSTRAINT x NOT NULL', [180000, 180000]), false)
  const range = (more: string) => `CREATE TYPE r AS RANGE (\n    subtype = int${more}\n);`
  assert.equal(sameText('TYPE', range(''), range(',\n    multirange_type_name = m'), [130000, 170000]), true)
  assert.equal(
    sameText('TYPE', range(',\n    subtype_diff = f'), range(',\n    multirange_type_name = m,\n    subtype_diff = f'), [130000, 170000]),
    true,
  )
})
