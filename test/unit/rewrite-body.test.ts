import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { NameMap } from '../../src/mapping/name-map.ts'
import { loadParser, rewriteDefinition } from '../../src/mapping/rewrite-definition.ts'

const MAP = new NameMap({
  schemas: [['app', 'sales']],
  tables: [{ schema: 'app', name: 'users', as: 'clients', columns: [['id', 'id'], ['email', 'mail']] }],
}) // prettier-ignore
const leftOut = [{ schema: 'app', table: 'users', column: 'born' }]

before(loadParser)

/** Body and what is remarked of it; the body must be the same afterwards. */
function remarksOf(language: string, body: string, setting = ''): readonly string[] {
  const text = `CREATE FUNCTION app.f(a integer) RETURNS text\n    LANGUAGE ${language}${setting}\n    AS $_$${body}$_$;`
  const { definition, remarks } = rewriteDefinition(text, MAP, { leftOut })
  assert.ok(definition.includes(`$_$${body}$_$`), definition)
  return remarks.map((remark) => remark.replace('function app.f(integer)', 'f'))
}

test('bodies in PL/pgSQL are searched by identifiers, in strings too, and stay as they are', () => {
  const body = `
declare app_users integer; -- app.users
begin
  /* app.users */ perform 1 from App.Users u where u."email" = 'x' and u."Email" = '';
  execute 'select * from "app".t'; execute $q$ truncate
    users $q$;
  perform other.users, myapp.t, users2, app from t;
  return born;
end`
  assert.deepEqual(remarksOf('plpgsql', body), [
    'f, line 4: mentions app.users, which is sales.clients on the target',
    'f, line 4: mentions email, which is mail in sales.clients on the target',
    'f, line 5: mentions app.t, which is sales.t on the target',
    'f, line 6: mentions users, which is sales.clients on the target',
    'f, line 8: mentions born, which is left out of sales.clients',
  ])
  assert.deepEqual(remarksOf('plpgsql', ' begin return myapp.users2; end '), [])
})

test('bodies in other languages are searched as plain text', () => {
  assert.deepEqual(remarksOf('plpython3u', `\nit = "don't"\nplpy.execute("select * from app.users")`), [
    'f, line 3: mentions app.users, which is sales.clients on the target',
  ])
})

test('SQL bodies that depend on the search_path or on types stay as they are, with a remark', () => {
  const why = (body: string, setting?: string) => remarksOf('sql', body, setting)[0]
  assert.equal(why(' select 1 from users '), 'f: its body stays as it is: which table users is depends on the search_path')
  assert.equal(
    why(' select 1 from users ', " SET search_path TO 'other', 'app'"),
    'f: its body stays as it is: which table users is depends on the search_path',
  )
  assert.match(why(' select * from app.users ') ?? '', /fewer columns on the target/)
  assert.match(why(' select u.email from app.g() u ') ?? '', /u\.email may be a column/)
  assert.match(why(' select email from app.g() ') ?? '', /email may be a column of a function/)
  assert.match(why(' select 1 from app.users natural join app.t ') ?? '', /NATURAL JOIN/)
  assert.match(why(' selec 1 from app.users ') ?? '', /grammar of PostgreSQL 18/)
  assert.match(why(' select app.users.id from app.t ') ?? '', /not one of the query's tables/)
  assert.deepEqual(remarksOf('sql', ' with users as (select 1 as id) select id from users '), [])
})

test('a column that several tables rename is told with each of them', () => {
  const tables = ['users', 'leads', 'staff', 'gone'].map((name) => ({
    schema: 'app',
    name,
    as: name,
    columns: [['email', `${name}_mail`]] as const,
  }))
  const map = new NameMap({ schemas: [], tables })
  const { remarks } = rewriteDefinition(
    `create function app.f() returns trigger language plpgsql as $$ begin new.email := 'x'; return new; end $$`,
    map,
    { object: 'f' },
  )
  assert.deepEqual(remarks, [
    'f, line 1: mentions email, which is users_mail in app.users on the target or leads_mail in app.leads on the target ' +
      'or staff_mail in app.staff on the target or another name in 1 more',
  ])
})
