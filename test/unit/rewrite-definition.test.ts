import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { NameMap } from '../../src/mapping/name-map.ts'
import { loadParser, rewriteDefinition } from '../../src/mapping/rewrite-definition.ts'
import { UnrewritableError } from '../../src/mapping/unrewritable-error.ts'

const MAP = new NameMap({
  schemas: [['app', 'sales']],
  tables: [{ schema: 'app', name: 'users', as: 'clients', columns: [['id', 'id'], ['email', 'mail'], ['name', 'name']] }],
}) // prettier-ignore
const leftOut = [{ schema: 'app', table: 'users', column: 'born' }]
const LIST = '"clients" as "users"("id", "email", "name")'

before(loadParser)

/** Source and target; what is equal in both stays. `§` stands for the target's schema. */
const REWRITTEN: readonly (readonly [source: string, target: string])[] = [
  ['CREATE SCHEMA app;', 'CREATE SCHEMA "sales";'],
  ['ALTER SCHEMA app OWNER TO app;', 'ALTER SCHEMA "sales" OWNER TO app;'],
  ['CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA app;', 'CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA "sales";'],
  ["CREATE TYPE app.mood AS ENUM (\n    'app.users'\n);", "CREATE TYPE §.mood AS ENUM (\n    'app.users'\n);"],
  ['CREATE TYPE app.r AS RANGE (\n    subtype = app.t,\n    multirange_type_name = app.m,\n    canonical = app.users\n);', 'CREATE TYPE §.r AS RANGE (\n    subtype = §.t,\n    multirange_type_name = §.m,\n    canonical = §.users\n);'],
  ['CREATE TYPE app.c AS (\n\temail text,\n\tu app.users[]\n);', 'CREATE TYPE §.c AS (\n\temail text,\n\tu §."clients"[]\n);'],
  ['CREATE DOMAIN app.d AS app.e COLLATE app.c DEFAULT app.f()\n\tCONSTRAINT email CHECK (app.g(VALUE));', 'CREATE DOMAIN §.d AS §.e COLLATE §.c DEFAULT §.f()\n\tCONSTRAINT email CHECK (§.g(VALUE));'],
  ["CREATE COLLATION app.c (provider = libc, locale = 'C');", "CREATE COLLATION §.c (provider = libc, locale = 'C');"],
  ['CREATE OPERATOR app.= (\n    FUNCTION = app.eq,\n    LEFTARG = app.users,\n    COMMUTATOR = OPERATOR(app.=),\n    RESTRICT = eqsel\n);', 'CREATE OPERATOR §.= (\n    FUNCTION = §.eq,\n    LEFTARG = §."clients",\n    COMMUTATOR = OPERATOR(§.=),\n    RESTRICT = eqsel\n);'],
  ['CREATE OPERATOR CLASS app.ops\n    FOR TYPE app.t USING btree FAMILY app.ops AS\n    STORAGE app.s ,\n    OPERATOR 1 app.<(app.t,app.t) FOR ORDER BY app.fam ,\n    FUNCTION 1 (app.t, app.t) app.cmp(app.t,app.t);', 'CREATE OPERATOR CLASS §.ops\n    FOR TYPE §.t USING btree FAMILY §.ops AS\n    STORAGE §.s ,\n    OPERATOR 1 §.<(§.t,§.t) FOR ORDER BY §.fam ,\n    FUNCTION 1 (§.t, §.t) §.cmp(§.t,§.t);'],
  ['CREATE OPERATOR FAMILY app.fam USING btree;\nALTER OPERATOR FAMILY app.fam USING btree ADD\n    OPERATOR 1 app.<(app.t,app.u);', 'CREATE OPERATOR FAMILY §.fam USING btree;\nALTER OPERATOR FAMILY §.fam USING btree ADD\n    OPERATOR 1 §.<(§.t,§.u);'],
  ["CREATE AGGREGATE app.agg(app.users, VARIADIC \"any\") (\n    SFUNC = app.users,\n    STYPE = app.users,\n    INITCOND = 'app.users',\n    SORTOP = OPERATOR(app.<)\n);", "CREATE AGGREGATE §.agg(§.\"clients\", VARIADIC \"any\") (\n    SFUNC = §.users,\n    STYPE = §.\"clients\",\n    INITCOND = 'app.users',\n    SORTOP = OPERATOR(§.<)\n);"],
  ['CREATE CAST (app.users AS app.t) WITH FUNCTION app.f(app.users) AS ASSIGNMENT;', 'CREATE CAST (§."clients" AS §.t) WITH FUNCTION §.f(§."clients") AS ASSIGNMENT;'],
  ['CREATE TRANSFORM FOR app.t LANGUAGE sql (FROM SQL WITH FUNCTION app.f(internal));', 'CREATE TRANSFORM FOR §.t LANGUAGE sql (FROM SQL WITH FUNCTION §.f(internal));'],
  ["CREATE DEFAULT CONVERSION app.c FOR 'LATIN1' TO 'UTF8' FROM app.f;", "CREATE DEFAULT CONVERSION §.c FOR 'LATIN1' TO 'UTF8' FROM §.f;"],
  ['CREATE TEXT SEARCH CONFIGURATION app.c (\n    PARSER = app.p );\nALTER TEXT SEARCH CONFIGURATION app.c\n    ADD MAPPING FOR email WITH app.d, simple;', 'CREATE TEXT SEARCH CONFIGURATION §.c (\n    PARSER = §.p );\nALTER TEXT SEARCH CONFIGURATION §.c\n    ADD MAPPING FOR email WITH §.d, simple;'],
  ["CREATE TEXT SEARCH DICTIONARY app.d (\n    TEMPLATE = app.t,\n    stopwords = 'app' );", "CREATE TEXT SEARCH DICTIONARY §.d (\n    TEMPLATE = §.t,\n    stopwords = 'app' );"],
  ['CREATE LANGUAGE app HANDLER app.h INLINE app.i VALIDATOR app.v;', 'CREATE LANGUAGE app HANDLER §.h INLINE §.i VALIDATOR §.v;'],
  ['CREATE ACCESS METHOD app TYPE TABLE HANDLER app.h;', 'CREATE ACCESS METHOD app TYPE TABLE HANDLER §.h;'],
  ['CREATE FOREIGN DATA WRAPPER app HANDLER app.h VALIDATOR app.v;', 'CREATE FOREIGN DATA WRAPPER app HANDLER §.h VALIDATOR §.v;'],
  ["CREATE EVENT TRIGGER app ON ddl_command_end\n         WHEN TAG IN ('CREATE TABLE')\n   EXECUTE FUNCTION app.f();", "CREATE EVENT TRIGGER app ON ddl_command_end\n         WHEN TAG IN ('CREATE TABLE')\n   EXECUTE FUNCTION §.f();"],
  ["CREATE SEQUENCE app.s\n    AS integer\n    START WITH 1\n    CACHE 1;", "CREATE SEQUENCE §.s\n    AS integer\n    START WITH 1\n    CACHE 1;"],
  ['ALTER SEQUENCE app.s OWNED BY app.users.email;', 'ALTER SEQUENCE §.s OWNED BY §."clients"."mail";'],
  ["ALTER TABLE ONLY app.users ALTER COLUMN email SET DEFAULT nextval('app.s'::regclass);", "ALTER TABLE ONLY §.\"clients\" ALTER COLUMN \"mail\" SET DEFAULT nextval('sales.s'::regclass);"],
  ["CREATE TABLE app.t (\n    email text DEFAULT 'app.users'::text,\n    a regclass DEFAULT ('app.users'::text)::regclass,\n    b regproc DEFAULT 'app.f'::regproc,\n    c regprocedure DEFAULT 'app.f(app.users,integer)'::regprocedure,\n    d regtype DEFAULT 'app.users[]'::regtype,\n    e regnamespace DEFAULT 'app'::regnamespace,\n    f regoper DEFAULT 'app.+'::regoper,\n    g regconfig DEFAULT 'app.c'::regconfig,\n    h regrole DEFAULT 'app'::regrole\n);", "CREATE TABLE §.t (\n    email text DEFAULT 'app.users'::text,\n    a regclass DEFAULT ('sales.clients'::text)::regclass,\n    b regproc DEFAULT 'sales.f'::regproc,\n    c regprocedure DEFAULT 'sales.f(sales.clients,integer)'::regprocedure,\n    d regtype DEFAULT 'sales.clients[]'::regtype,\n    e regnamespace DEFAULT 'sales'::regnamespace,\n    f regoper DEFAULT 'sales.+'::regoper,\n    g regconfig DEFAULT 'sales.c'::regconfig,\n    h regrole DEFAULT 'app'::regrole\n);"],
  ["CREATE TABLE app.users (\n    born date,\n    id integer NOT NULL,\n    email character varying(10)[] COLLATE app.c,\n    name text GENERATED ALWAYS AS (upper(email)) STORED,\n    CONSTRAINT email CHECK ((email <> name))\n)\nPARTITION BY LIST (lower(email), email app.ops);", "CREATE TABLE §.\"clients\" (\n    id integer NOT NULL,\n    \"mail\" character varying(10)[] COLLATE §.c,\n    name text GENERATED ALWAYS AS (upper(\"mail\")) STORED,\n    CONSTRAINT email CHECK ((\"mail\" <> name))\n)\nPARTITION BY LIST (lower(\"mail\"), \"mail\" §.ops);"],
  ['CREATE TABLE app.users (\n    id integer,\n    born date\n)\nINHERITS (app.base);\nALTER TABLE ONLY app.users ALTER COLUMN born SET STORAGE PLAIN;\nALTER TABLE ONLY app.users ALTER COLUMN email SET (n_distinct=5);', 'CREATE TABLE §."clients" (\n    id integer\n)\nINHERITS (§.base);\n\nALTER TABLE ONLY §."clients" ALTER COLUMN "mail" SET (n_distinct=5);'],
  ["ALTER TABLE ONLY app.base ATTACH PARTITION app.users FOR VALUES IN ('app');", "ALTER TABLE ONLY §.base ATTACH PARTITION §.\"clients\" FOR VALUES IN ('app');"],
  ['ALTER TABLE app.users ALTER COLUMN email ADD GENERATED ALWAYS AS IDENTITY (\n    SEQUENCE NAME app.users_s\n    START WITH 1\n);', 'ALTER TABLE §."clients" ALTER COLUMN "mail" ADD GENERATED ALWAYS AS IDENTITY (\n    SEQUENCE NAME §.users_s\n    START WITH 1\n);'],
  ['ALTER TABLE ONLY app.users\n    ADD CONSTRAINT email PRIMARY KEY (id, email) INCLUDE (name);', 'ALTER TABLE ONLY §."clients"\n    ADD CONSTRAINT email PRIMARY KEY (id, "mail") INCLUDE (name);'],
  ['ALTER TABLE ONLY app.t\n    ADD CONSTRAINT fk FOREIGN KEY (email) REFERENCES app.users(email) ON DELETE SET NULL (email) NOT VALID;', 'ALTER TABLE ONLY §.t\n    ADD CONSTRAINT fk FOREIGN KEY (email) REFERENCES §."clients"("mail") ON DELETE SET NULL (email) NOT VALID;'],
  ['ALTER TABLE ONLY app.users\n    ADD CONSTRAINT e EXCLUDE USING gist (email WITH OPERATOR(app.&&), ((email || name)) WITH =) WHERE ((email IS NOT NULL));', 'ALTER TABLE ONLY §."clients"\n    ADD CONSTRAINT e EXCLUDE USING gist ("mail" WITH OPERATOR(§.&&), (("mail" || name)) WITH =) WHERE (("mail" IS NOT NULL));'],
  ['ALTER TABLE ONLY app.users REPLICA IDENTITY USING INDEX email;', 'ALTER TABLE ONLY §."clients" REPLICA IDENTITY USING INDEX email;'],
  ['CREATE UNIQUE INDEX email ON app.users USING btree (email app.ops, lower(email) COLLATE app.c) INCLUDE (name) WHERE (email IS NOT NULL);', 'CREATE UNIQUE INDEX email ON §."clients" USING btree ("mail" §.ops, lower("mail") COLLATE §.c) INCLUDE (name) WHERE ("mail" IS NOT NULL);'],
  ['ALTER INDEX app.a ATTACH PARTITION app.b;', 'ALTER INDEX §.a ATTACH PARTITION §.b;'],
  ['CREATE STATISTICS app.s (mcv) ON email, lower(email) FROM app.users;', 'CREATE STATISTICS §.s (mcv) ON "mail", lower("mail") FROM §."clients";'],
  ["CREATE TRIGGER email BEFORE UPDATE OF email ON app.users FROM app.t DEFERRABLE FOR EACH ROW WHEN (((old.email IS DISTINCT FROM new.email) OR (old.* IS DISTINCT FROM new.*))) EXECUTE FUNCTION app.f('app.users', 'email');".replace('BEFORE', 'AFTER').replace('CREATE', 'CREATE CONSTRAINT'), "CREATE CONSTRAINT TRIGGER email AFTER UPDATE OF \"mail\" ON §.\"clients\" FROM §.t DEFERRABLE FOR EACH ROW WHEN (((old.\"mail\" IS DISTINCT FROM new.\"mail\") OR (old.* IS DISTINCT FROM new.*))) EXECUTE FUNCTION §.f('app.users', 'email');"],
  ['CREATE POLICY email ON app.users FOR SELECT TO app USING (((email = CURRENT_USER) OR (EXISTS ( SELECT 1\n   FROM app.t\n  WHERE (t.email = users.email))) OR (id IN ( SELECT u.id\n   FROM app.users u))));', `CREATE POLICY email ON §."clients" FOR SELECT TO app USING ((("mail" = CURRENT_USER) OR (EXISTS ( SELECT 1\n   FROM §.t\n  WHERE (t.email = "clients"."mail"))) OR (id IN ( SELECT u.id\n   FROM §."clients" u("id", "email", "name")))));`.replace(' u("id"', ' u("id"')],
  ["CREATE RULE email AS\n    ON UPDATE TO app.users\n   WHERE (old.email <> new.email) DO  INSERT INTO app.t (email)\n  VALUES (new.email);", "CREATE RULE email AS\n    ON UPDATE TO §.\"clients\"\n   WHERE (old.\"mail\" <> new.\"mail\") DO  INSERT INTO §.t (email)\n  VALUES (new.\"mail\");"],
  ['CREATE RULE r AS\n    ON DELETE TO app.t DO INSTEAD  UPDATE app.users SET email = old.email, name = users.email\n  WHERE (users.email = old.email)\n  RETURNING users.email;', 'CREATE RULE r AS\n    ON DELETE TO §.t DO INSTEAD  UPDATE §."clients" as "users" SET "mail" = old.email, name = users."mail"\n  WHERE (users."mail" = old.email)\n  RETURNING users."mail";'],
  ['CREATE VIEW app.v WITH (security_barrier=\'true\') AS\n SELECT users.email,\n    t.email AS e\n   FROM (app.users\n     JOIN ONLY app.t USING (id));', `CREATE VIEW §.v WITH (security_barrier='true') AS\n SELECT users.email,\n    t.email AS e\n   FROM (§.${LIST}\n     JOIN ONLY §.t USING (id));`],
  ['CREATE VIEW app.v AS\n SELECT users.email\n   FROM app.users users TABLESAMPLE system (10);', 'CREATE VIEW §.v AS\n SELECT users.email\n   FROM §."clients" users("id", "email", "name") TABLESAMPLE system (10);'],
  ['CREATE VIEW app.v AS\n SELECT users.id\n   FROM app.users\n  ORDER BY users.id COLLATE app.c USING OPERATOR(app.<)\n LIMIT 1\n FOR UPDATE OF users;', `CREATE VIEW §.v AS\n SELECT users.id\n   FROM §.${LIST}\n  ORDER BY users.id COLLATE §.c USING OPERATOR(§.<)\n LIMIT 1\n FOR UPDATE OF users;`],
  ['CREATE MATERIALIZED VIEW app.m AS\n WITH users AS (\n         SELECT a.email\n           FROM app.users a\n        )\n SELECT users.email\n   FROM users\n  WITH NO DATA;', 'CREATE MATERIALIZED VIEW §.m AS\n WITH users AS (\n         SELECT a.email\n           FROM §."clients" a("id", "email", "name")\n        )\n SELECT users.email\n   FROM users\n  WITH NO DATA;'],
  ['COMMENT ON TABLE app.users IS \'app.users\';', 'COMMENT ON TABLE §."clients" IS \'app.users\';'],
  ['COMMENT ON COLUMN app.users.email IS \'email\';', 'COMMENT ON COLUMN §."clients"."mail" IS \'email\';'],
  ['COMMENT ON CONSTRAINT email ON app.users IS \'x\';', 'COMMENT ON CONSTRAINT email ON §."clients" IS \'x\';'],
  ['COMMENT ON CONSTRAINT email ON DOMAIN app.d IS \'x\';', 'COMMENT ON CONSTRAINT email ON DOMAIN §.d IS \'x\';'],
  ['COMMENT ON OPERATOR app.= (app.users, NONE) IS \'x\';'.replace(', NONE', ', app.t'), 'COMMENT ON OPERATOR §.= (§."clients", §.t) IS \'x\';'],
  ['COMMENT ON OPERATOR CLASS app.ops USING btree IS \'x\';', 'COMMENT ON OPERATOR CLASS §.ops USING btree IS \'x\';'],
  ['COMMENT ON TRANSFORM FOR app.t LANGUAGE sql IS \'x\';', 'COMMENT ON TRANSFORM FOR §.t LANGUAGE sql IS \'x\';'],
  ['SECURITY LABEL FOR dummy ON COLUMN app.users.email IS \'app.users\';', 'SECURITY LABEL FOR dummy ON COLUMN §."clients"."mail" IS \'app.users\';'],
  ['GRANT SELECT(email),UPDATE(name) ON TABLE app.users TO app;', 'GRANT SELECT("mail"),UPDATE(name) ON TABLE §."clients" TO app;'],
  ['GRANT USAGE ON SCHEMA app TO app, PUBLIC;', 'GRANT USAGE ON SCHEMA § TO app, PUBLIC;'],
  ['REVOKE ALL ON FUNCTION app.f(u app.users) FROM PUBLIC;', 'REVOKE ALL ON FUNCTION §.f(u §."clients") FROM PUBLIC;'],
  ['GRANT ALL ON TYPE app.t TO app;', 'GRANT ALL ON TYPE §.t TO app;'],
  ['ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA app GRANT SELECT ON TABLES TO app;', 'ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA § GRANT SELECT ON TABLES TO app;'],
  ["CREATE FUNCTION app.f(u app.users, email text DEFAULT app.d('app.x')) RETURNS SETOF app.users\n    LANGUAGE c SUPPORT app.s SET search_path TO 'app', 'pg_temp' SET app.x TO 'app'\n    AS '$libdir/app', 'app';", "CREATE FUNCTION §.f(u §.\"clients\", email text DEFAULT §.d('app.x')) RETURNS SETOF §.\"clients\"\n    LANGUAGE c SUPPORT §.s SET search_path TO 'sales', 'pg_temp' SET app.x TO 'app'\n    AS '$libdir/app', 'app';"],
  ['CREATE FUNCTION app.f() RETURNS text\n    LANGUAGE sql\n    BEGIN ATOMIC\n SELECT users.email\n    FROM app.users;\nEND;', `CREATE FUNCTION §.f() RETURNS text\n    LANGUAGE sql\n    BEGIN ATOMIC\n SELECT users.email\n    FROM §.${LIST};\nEND;`],
  ["CREATE FUNCTION app.f() RETURNS text\n    LANGUAGE sql SET search_path TO 'app'\n    AS $$ select email from users -- app.users\n where app.users.id > currval('app.s') $$;", "CREATE FUNCTION §.f() RETURNS text\n    LANGUAGE sql SET search_path TO 'sales'\n    AS $$ select email from \"clients\" as \"users\"(\"id\", \"email\", \"name\") -- app.users\n where users.id > currval('sales.s') $$;"],
  ['CREATE FUNCTION app.f(i integer) RETURNS text\n    LANGUAGE sql\n    AS $_$ insert into app.users (id, email) values ($1, i) on conflict (email) do update set email = excluded.email where email <> users.name returning email $_$;', 'CREATE FUNCTION §.f(i integer) RETURNS text\n    LANGUAGE sql\n    AS $_$ insert into §."clients" as "users" (id, "mail") values ($1, i) on conflict ("mail") do update set "mail" = excluded."mail" where "mail" <> users.name returning "mail" $_$;'],
  ['CREATE FUNCTION app.f() RETURNS void\n    LANGUAGE sql\n    AS \'update app.users set email = t.email from app.t where email = t.email; merge into app.users u using app.t on u.email = t.email when matched then update set email = t.email when not matched then insert (email) values (t.email)\';', 'CREATE FUNCTION §.f() RETURNS void\n    LANGUAGE sql\n    AS $_$update §."clients" as "users" set "mail" = t.email from §.t where "users"."mail" = t.email; merge into §."clients" u using §.t on u."mail" = t.email when matched then update set "mail" = t.email when not matched then insert ("mail") values (t.email)$_$;'],
] // prettier-ignore

test('every kind of statement comes out under the target’s names, the rest of the text as it was', () => {
  for (const [source, target] of REWRITTEN) {
    const { definition, remarks } = rewriteDefinition(source, MAP, { leftOut })
    // Inside string constants the names are quoted too.
    assert.equal(definition, target.replaceAll('§', '"sales"'), source)
    assert.deepEqual(remarks, [], source)
  }
})

test('what mentions no mapped name is the same text', () => {
  for (const text of [
    '',
    'CREATE TABLE other.users2 (mail text);',
    'SELECT (a !) AS b FROM other.t;',
    '\\restrict xyz',
    "COMMENT ON TABLE other.t IS 'app.users';",
  ]) {
    assert.equal(rewriteDefinition(text, MAP, { leftOut }).definition, text)
  }
  assert.equal(rewriteDefinition('CREATE  TABLE app.users ()', new NameMap()).definition, 'CREATE  TABLE app.users ()')
})

const REFUSED: readonly (readonly [source: string, reason: RegExp])[] = [
  ['CREATE VIEW app.v AS SELECT (id !) AS f FROM app.users;', /grammar of PostgreSQL 18 does not know it, and it mentions app/],
  ["SELECT (1 !) AS f, 'app.users'::regclass;", /grammar of PostgreSQL 18 .* a mapped name in a string/],
  ['CREATE VIEW app.v AS SELECT u.born FROM app.users u;', /needs the column born of app\.users/],
  ['CREATE VIEW app.v AS SELECT born FROM app.users;', /needs the column born of app\.users/],
  ['CREATE INDEX i ON app.users USING btree (id, born);', /needs the column born/],
  ['CREATE INDEX i ON app.users USING btree (id) WHERE (born IS NULL);', /needs the column born/],
  ['ALTER TABLE ONLY app.users ADD CONSTRAINT c UNIQUE (born);', /needs the column born/],
  ['ALTER TABLE ONLY app.t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES app.users(born);', /needs the column born/],
  ['CREATE TABLE app.users (id integer, born date) PARTITION BY RANGE (born);', /needs the column born/],
  ['CREATE TABLE app.users (born date, name text GENERATED ALWAYS AS (f(born)) STORED);', /needs the column born/],
  ['CREATE TABLE app.users OF app.t (email WITH OPTIONS NOT NULL);', /typed table/],
  ['COMMENT ON COLUMN app.users.born IS NULL;', /needs the column born/],
  ['GRANT SELECT(born) ON TABLE app.users TO PUBLIC;', /needs the column born/],
  ['ALTER SEQUENCE app.s OWNED BY app.users.born;', /needs the column born/],
  ['CREATE TRIGGER t AFTER UPDATE OF born ON app.users EXECUTE FUNCTION app.f();', /needs the column born/],
  ['CREATE TRIGGER t AFTER UPDATE ON app.users FOR EACH ROW WHEN (old.born > new.born) EXECUTE FUNCTION app.f();', /needs the column born/],
  ['CREATE POLICY p ON app.users USING ((born IS NULL));', /needs the column born/],
  ['CREATE RULE r AS ON INSERT TO app.t DO ALSO INSERT INTO app.users (born) VALUES (now());', /needs the column born/],
  ['CREATE VIEW app.v AS SELECT to_json(u.*) AS j FROM app.users u;', /whole row of u/],
  ['CREATE VIEW app.v AS SELECT u AS j FROM app.users u;', /whole row of u/],
  ['CREATE VIEW app.v AS SELECT (t.u).email AS e FROM other.t;', /the field email/],
  ['CREATE VIEW app.v AS SELECT x.a FROM app.users x(a, b);', /names of the query's own/],
  ['CREATE POLICY p ON app.users USING ((EXISTS ( SELECT 1 FROM app.t WHERE (email = a))));', /whether email is a column of users/],
]

test('what needs a left-out column, or can’t be rewritten with certainty, is refused with the reason', () => {
  for (const [source, reason] of REFUSED) {
    assert.throws(
      () => rewriteDefinition(source, MAP, { leftOut }),
      (error: unknown) => error instanceof UnrewritableError && reason.test(error.reason),
      source,
    )
  }
})

test('checks of left-out columns go with them, and are told', () => {
  const text =
    'CREATE TABLE app.users (\n    id integer,\n    born date NOT NULL,\n    CONSTRAINT old CHECK ((born > id)),\n    CONSTRAINT c CHECK ((id > 0))\n);'
  const { definition, remarks } = rewriteDefinition(text, MAP, { leftOut, object: 'TABLE users' })
  assert.equal(definition, 'CREATE TABLE "sales"."clients" (\n    id integer,\n    CONSTRAINT c CHECK ((id > 0))\n);')
  assert.deepEqual(remarks, ['TABLE users: constraint old was left out: it needs column born, which is left out'])
})
