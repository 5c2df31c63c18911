import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import fc from 'fast-check'
import { ident } from '../../src/postgres/quote.ts'
import { withoutMaintain } from '../../src/roles/without-maintain.ts'
import { loadParser } from '../../src/mapping/sql-parser.ts'
import { roleStatements, withRoles } from '../../src/roles/role-statement.ts'

before(loadParser)

const to =
  (map: Readonly<Record<string, string>>) =>
  (role: string): string =>
    map[role] ?? role

test('the grants of pg_dump, one by one, with their grantors', () => {
  const statements = roleStatements(
    `REVOKE ALL ON TABLE app.owner FROM owner;
GRANT SELECT(a,b),UPDATE(b) ON TABLE app.owner TO "ö w" WITH GRANT OPTION;
SET SESSION AUTHORIZATION "ö w";
GRANT SELECT ON TABLE app.owner TO PUBLIC;
GRANT SELECT ON TABLE app.owner TO reader;
RESET SESSION AUTHORIZATION;
GRANT ALL ON TABLE app.owner TO writer;
`,
  )
  assert.deepEqual(
    statements.map(({ roles, grantor }) => [roles, grantor]),
    [
      [['owner'], null],
      [['ö w'], null],
      [[], 'ö w'],
      [['reader'], 'ö w'],
      [['writer'], null],
    ],
  )
  assert.equal(statements[0]?.renamed(to({ owner: 'new "owner"' })), 'REVOKE ALL ON TABLE app.owner FROM "new ""owner"""')
  assert.equal(statements[3]?.renamed(to({})), 'GRANT SELECT ON TABLE app.owner TO "reader"')
})

// Columns: a definition, and what it is with a → x y, b → c.
const DEFINITIONS: readonly (readonly [string, string])[] = [
  [
    `ALTER DEFAULT PRIVILEGES FOR ROLE a IN SCHEMA a REVOKE ALL ON TABLES FROM a;\nALTER DEFAULT PRIVILEGES FOR ROLE a IN SCHEMA a GRANT SELECT ON TABLES TO b;\n`,
    `ALTER DEFAULT PRIVILEGES FOR ROLE "x y" IN SCHEMA a REVOKE ALL ON TABLES FROM "x y";\nALTER DEFAULT PRIVILEGES FOR ROLE "x y" IN SCHEMA a GRANT SELECT ON TABLES TO "c";`,
  ],
  [
    `CREATE POLICY a ON b.a FOR SELECT TO b, PUBLIC, other USING ((a = 'b'::text));`,
    `CREATE POLICY a ON b.a FOR SELECT TO "c", PUBLIC, "other" USING ((a = 'b'::text));`,
  ],
  [`CREATE POLICY a ON b.a USING ((a = CURRENT_USER));`, `CREATE POLICY a ON b.a USING ((a = CURRENT_USER));`],
  [`CREATE USER MAPPING FOR a SERVER a OPTIONS ("user" 'b');`, `CREATE USER MAPPING FOR "x y" SERVER a OPTIONS ("user" 'b');`],
  [
    `CREATE FUNCTION a.b() RETURNS text LANGUAGE sql SECURITY DEFINER SET role TO 'a' SET search_path TO 'a' AS $$select 'a'$$;`,
    `CREATE FUNCTION a.b() RETURNS text LANGUAGE sql SECURITY DEFINER SET role TO "x y" SET search_path TO 'a' AS $$select 'a'$$;`,
  ],
  [`ALTER TABLE a.b OWNER TO "ä";`, `ALTER TABLE a.b OWNER TO "ä";`],
  [`GRANT USAGE ON SCHEMA a TO a /* a */;`, `GRANT USAGE ON SCHEMA a TO "x y" /* a */;`],
]
for (const [definition, expected] of DEFINITIONS) {
  test(`other roles in ${definition.slice(0, 60)}`, () => {
    assert.equal(withRoles(definition, to({ a: 'x y', b: 'c' })), expected)
  })
}

test('what the parser does not know is refused, not passed on', () => {
  assert.throws(() => roleStatements('GRANT EVERYTHING ON EVERY TABLE'), /syntax error/)
})

test('any names, and back again', () => {
  const name = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    .filter((text) => !text.includes('\0') && text !== 'public' && Buffer.byteLength(text) <= 63)
  fc.assert(
    fc.property(name, name, name, (schema, role, other) => {
      const grant = (grantee: string) => `GRANT SELECT ON TABLE ${ident(schema)}.${ident(role)} TO ${ident(grantee)};`
      const there = withRoles(grant(role), () => other)
      assert.equal(there, grant(other))
      assert.equal(withRoles(there, () => role), grant(role))
    }),
  ) // prettier-ignore
})

test('MAINTAIN is taken out of grants for targets that do not know it', () => {
  const on = 'ON TABLE "maintain, maintain" TO "maintain"'
  assert.equal(withoutMaintain(`GRANT SELECT,MAINTAIN ${on}`), `GRANT SELECT ${on}`)
  assert.equal(withoutMaintain(`GRANT MAINTAIN, UPDATE(a) ${on}`), `GRANT  UPDATE(a) ${on}`)
  assert.equal(withoutMaintain(`GRANT SELECT,MAINTAIN,UPDATE ${on}`), `GRANT SELECT,UPDATE ${on}`)
  assert.equal(withoutMaintain(`REVOKE MAINTAIN ON TABLE t FROM o`), undefined)
  assert.equal(withoutMaintain(`GRANT SELECT(maintain) ${on}`), `GRANT SELECT(maintain) ${on}`)
  assert.equal(withoutMaintain(`REVOKE GRANT OPTION FOR SELECT,MAINTAIN ${on}`), `REVOKE GRANT OPTION FOR SELECT ${on}`)
  assert.equal(withoutMaintain(`GRANT ALL ${on}`), `GRANT ALL ${on}`)
  const defaults = 'ALTER DEFAULT PRIVILEGES FOR ROLE o IN SCHEMA maintain GRANT SELECT,MAINTAIN ON TABLES TO r'
  assert.equal(withoutMaintain(defaults), defaults.replace(',MAINTAIN', ''))
})
