import assert from 'node:assert/strict'
import test from 'node:test'
import { sameText } from '../../src/schema/equal-definition.ts'
import { withoutSecrets } from '../../src/schema/without-secrets.ts'
import { wordsForVersion } from '../../src/schema/words-for-version.ts'

test('secrets of servers and user mappings are taken out, whatever the values look like', () => {
  const of = (kind: string, definition: string) => withoutSecrets({ kind, definition })
  const mapping = `CREATE USER MAPPING FOR "a OPTIONS (b" SERVER s OPTIONS (\n    password 'it''s, ) E\\',\n    "user" 'password',\n    "SSLPassword" E'\\\\x'\n);\n`
  assert.deepEqual(of('USER MAPPING', mapping), {
    definition: `CREATE USER MAPPING FOR "a OPTIONS (b" SERVER s OPTIONS (\n    "user" 'password'\n);\n`,
    removed: ['password', '"SSLPassword"'],
  })
  assert.deepEqual(of('USER MAPPING', `CREATE USER MAPPING FOR public SERVER s OPTIONS (\n    password 'x'\n);\n`), {
    definition: 'CREATE USER MAPPING FOR public SERVER s;\n',
    removed: ['password'],
  })
  const server = `CREATE SERVER s TYPE 'OPTIONS (' FOREIGN DATA WRAPPER w OPTIONS (\n    api_token 't',\n    host 'h'\n);\n`
  assert.equal(of('SERVER', server).definition, `CREATE SERVER s TYPE 'OPTIONS (' FOREIGN DATA WRAPPER w OPTIONS (\n    host 'h'\n);\n`)
  for (const plain of ['CREATE SERVER s FOREIGN DATA WRAPPER w;\n', `CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (\n    host 'password'\n);\n`]) {
    assert.deepEqual(of('SERVER', plain), { definition: plain, removed: [] })
  }
  assert.deepEqual(of('TABLE', `CREATE TABLE t (a text DEFAULT 'OPTIONS (password ''x'')')`).removed, [])
}) // prettier-ignore

test('definitions are said in words that the version knows; literals are never touched', () => {
  const of = (kind: string, definition: string, version: number) => wordsForVersion({ kind, definition }, version)
  const trigger = `CREATE TRIGGER t AFTER INSERT ON a.b FOR EACH ROW WHEN ((new.x <> ' EXECUTE FUNCTION ;'::text)) EXECUTE FUNCTION a.f(' EXECUTE FUNCTION x;');\n`
  assert.equal(of('TRIGGER', trigger, 110000).definition, trigger)
  assert.equal(of('TRIGGER', trigger, 100023).definition, trigger.replace(')) EXECUTE FUNCTION', ')) EXECUTE PROCEDURE'))
  const table = `CREATE TABLE a."b c" (\n    x text DEFAULT '\nALTER TABLE ONLY a."b c" ALTER COLUMN x SET COMPRESSION pglz;'::text\n);\nALTER TABLE ONLY a."b c" ALTER COLUMN x SET COMPRESSION pglz;\n`
  assert.deepEqual(of('TABLE', table, 130000), {
    definition: table.slice(0, table.indexOf('\nALTER TABLE ONLY', table.indexOf(');'))) + '\n',
    lost: ["a column's compression method"],
  })
  assert.deepEqual(of('TABLE', table, 140000), { definition: table, lost: [] })
  const range = 'CREATE TYPE a.r AS RANGE (\n    subtype = integer,\n    multirange_type_name = a."r, s"\n);\n'
  assert.deepEqual(of('TYPE', range, 130000), { definition: 'CREATE TYPE a.r AS RANGE (\n    subtype = integer\n);\n', lost: [] })
}) // prettier-ignore

test('NOT NULL of inherited columns is said as servers before 18 know it', () => {
  const of = (definition: string, version = 170000, kind = 'TABLE') => wordsForVersion({ kind, definition }, version).definition
  const all = 'CREATE TABLE a."b c" (\n    CONSTRAINT "x, y" NOT NULL z,\n    NOT NULL "A ""b",\n    k integer NOT NULL,\n    NOT NULL w\n)\nINHERITS (a.p);\n'
  assert.equal(of(all), 'CREATE TABLE a."b c" (\n    k integer NOT NULL\n)\nINHERITS (a.p);\nALTER TABLE ONLY a."b c" ALTER COLUMN "A ""b" SET NOT NULL;\nALTER TABLE ONLY a."b c" ALTER COLUMN w SET NOT NULL;\nALTER TABLE ONLY a."b c" ALTER COLUMN z SET NOT NULL;\n')
  assert.equal(of(all, 180000), all)
  const far = 'CREATE FOREIGN TABLE f (\n    NOT NULL w\n)\nINHERITS (a.p)\nSERVER s;\n'
  assert.equal(of(far, 130000, 'FOREIGN TABLE'), 'CREATE FOREIGN TABLE f (\n)\nINHERITS (a.p)\nSERVER s;\nALTER TABLE ONLY f ALTER COLUMN w SET NOT NULL;\n')
  const literal = `CREATE TABLE t (\n    a text DEFAULT 'x,\n    NOT NULL y\n'::text NOT NULL\n);\n`
  assert.equal(of(literal), literal)
}) // prettier-ignore

test('columns of inheriting tables may stand in any order, those of others not; a literal that differs still does', () => {
  const table = (columns: string, tail = '\n)\nINHERITS (a.p);') => `CREATE TABLE a.t (\n${columns}${tail}`
  const versions = [170000, 170000] as const
  assert.ok(sameText('TABLE', table('    x int,\n    y text'), table('    y text,\n    x int'), versions))
  assert.ok(!sameText('TABLE', table('    x int,\n    y text'), table('    y text,\n    x bigint'), versions))
  assert.ok(!sameText('TABLE', table('    x int,\n    y text', '\n);'), table('    y text,\n    x int', '\n);'), versions))
  assert.ok(sameText('PROCEDURE', 'CREATE PROCEDURE a.p(x integer, INOUT y text)\n    AS $$(IN x)$$;', 'CREATE PROCEDURE a.p(IN x integer, INOUT y text)\n    AS $$(IN x)$$;', [130000, 140000]))
  assert.ok(!sameText('PROCEDURE', 'CREATE PROCEDURE a.p()\n    AS $$(x)$$;', 'CREATE PROCEDURE a.p()\n    AS $$(IN x)$$;', [130000, 140000]))
}) // prettier-ignore
