import assert from 'node:assert/strict'
import test from 'node:test'
import { ident } from '../../src/postgres/quote.ts'
import { runRoleScript } from '../role-script.ts'
import { database, server, sql, uniqueName } from '../servers.ts'

/** What a managed service gives in the place of a superuser. */
const ADMINISTRATOR = 'login createdb createrole replication bypassrls'

test('an administrator who is no superuser can run the scripts of deploy/roles, as often as wanted; what they can not give is told', async () => {
  const on = await server(17)
  const [admin, owner, role] = [uniqueName('admin'), uniqueName('Owner of'), uniqueName('Role of')]
  await sql(on.url('postgres'), `create role ${admin} ${ADMINISTRATOR}`)
  const pair = { source: await database(on, { owner: admin }), target: await database(on, { owner: admin }) }
  const url = { source: on.url(pair.source.name, admin), target: on.url(pair.target.name, admin) }
  try {
    await sql(url.source, `create role ${ident(owner)}; grant ${ident(owner)} to ${admin}`)
    await sql(
      url.source,
      `create schema "A schema" authorization ${ident(owner)}; set role ${ident(owner)}; create table "A schema"."A table" (id serial primary key);
      alter table "A schema"."A table" enable row level security; alter table "A schema"."A table" force row level security`,
    )
    await pair.source.sql(
      `create schema others; create table others.of_superuser (id int primary key); create table "A schema".too (id int)`,
    )
    const source = { role, schemas: 'A schema', incremental: 'yes' }
    const told = await runRoleScript('source', url.source, source).catch((error: Error) => error.message)
    assert.match(told, /tables of superusers, which pgmove can not publish: "A schema"\.too\. Give them to another role/)
    assert.match(told, /permission denied for table too/, 'what cannot be granted ends the script')
    assert.deepEqual(await pair.source.sql('select from pg_roles where rolname = $1', [role]), [], 'and nothing of it is left')
    await pair.source.sql(`alter table "A schema".too owner to ${ident(owner)}`)
    for (const time of ['once', 'again']) assert.equal(await runRoleScript('source', url.source, source), '', time)

    await sql(on.url('postgres'), `grant pg_signal_backend to ${admin} with admin option`)
    const fenced = () => runRoleScript('source', url.source, { ...source, fence: 'yes' })
    assert.match(await fenced(), new RegExp(`the database belongs to the administrator ${admin}: give it to another role`))
    await pair.source.sql(`alter database ${pair.source.name} owner to ${ident(owner)}`)
    assert.equal(await fenced(), '')

    const target = { role, owners: `${owner},nobody_here` }
    for (const time of ['once', 'again']) {
      assert.match(
        await runRoleScript('target', url.target, target),
        /nobody_here can not own objects here: it is a superuser, or not there/,
        time,
      )
    }
    const [rights] = await pair.source.sql(
      `select rolsuper, rolreplication, rolbypassrls, pg_has_role(oid, $2, 'usage') as usage, pg_has_role(oid, $2, 'set') as set,
              has_database_privilege(oid, current_database(), 'create') as create, has_table_privilege(oid, '"A schema"."A table"', 'select') as read,
              has_sequence_privilege(oid, '"A schema"."A table_id_seq"', 'select') as sequence, has_schema_privilege(oid, 'others', 'usage') as others
         from pg_roles where rolname = $1`,
      [role, owner],
    )
    const [yes, no] = ['t', 'f']
    const attributes = { rolsuper: no, rolreplication: yes, rolbypassrls: yes }
    assert.deepEqual(rights, { ...attributes, usage: yes, set: yes, create: yes, read: yes, sequence: yes, others: no })
    const [made] = await pair.target.sql(
      `select has_database_privilege(oid, current_database(), 'create') as create, has_schema_privilege(oid, 'public', 'create with grant option') as lends
         from pg_roles where rolname = $1`,
      [role],
    )
    assert.deepEqual(made, { create: yes, lends: yes })
  } finally {
    await pair.source.drop()
    await pair.target.drop()
    await sql(on.url('postgres'), `drop role if exists ${ident(role)}; drop role if exists ${ident(owner)}; drop role ${admin}`)
  }
})
