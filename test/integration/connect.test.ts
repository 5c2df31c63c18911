import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import test, { after } from 'node:test'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import pg from 'pg'
import { freePort } from '../../dev/free-port.ts'
import { MigrationError } from '../../src/errors/migration-error.ts'
import type { ErrorKind } from '../../src/errors/migration-error.ts'
import { connect } from '../../src/postgres/connect.ts'
import type { ConnectOptions, Database } from '../../src/postgres/connect.ts'
import { libpqEnvironment } from '../../src/postgres/libpq-environment.ts'
import { ident, literal } from '../../src/postgres/quote.ts'
import { replicationClientConfig } from '../../src/postgres/replication-client-config.ts'
import { resolveConnection } from '../../src/postgres/resolve-connection.ts'
import { sessionSettings } from '../../src/postgres/session-settings.ts'
import { database, eventually, ownServer, server, sql, uniqueName } from '../servers.ts'

const HOME = await mkdtemp(path.join(os.tmpdir(), 'pgmove-connect-'))
await chmod(HOME, 0o755)
after(() => rm(HOME, { recursive: true, force: true }))

const PASSWORD = 's3cret of:the\\test%'

async function open(url: string, options: Partial<ConnectOptions> = {}, env: Record<string, string> = {}): Promise<Database> {
  const resolved = await resolveConnection({ env: 'URL' }, 'source', { HOME, ...env, URL: url })
  return connect(resolved, { side: 'source', applicationName: 'pgmove test', ...options })
}

async function rejectsWith(kind: ErrorKind, work: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof MigrationError, String(error))
    assert.equal(error.kind, kind, error.message)
    assert.match(error.message, message)
    assert.ok(!error.message.includes('s3cret'), 'the message repeats the password')
    return true
  })
}

for (const major of [10, 13, 17, 18]) {
  test(`PostgreSQL ${major}: pinned settings hold over those of the database and the role, on a walsender too`, async () => {
    const on = await server(major)
    const { name } = await database(on)
    const role = uniqueName('role')
    await sql(on.url('postgres'), `create role ${ident(role)} superuser login`)
    const other: Record<string, string> = {
      datestyle: 'SQL, DMY',
      intervalstyle: 'iso_8601',
      extra_float_digits: '0',
      bytea_output: 'escape',
      timezone: 'Asia/Tokyo',
      search_path: 'public, pg_catalog',
      row_security: 'on',
      client_encoding: 'LATIN1',
      statement_timeout: '1h',
      idle_in_transaction_session_timeout: '1h',
      default_transaction_read_only: 'on',
      default_transaction_isolation: 'serializable',
      xmlbinary: 'hex',
      lock_timeout: '1h',
      ...(major >= 14 ? { idle_session_timeout: '1h' } : {}),
      ...(major >= 17 ? { transaction_timeout: '1h' } : {}),
      ...(major >= 11 ? { jit: 'on' } : {}),
    }
    const set = Object.entries(other).flatMap(([setting, value]) => {
      const to = setting === 'search_path' ? value : literal(value)
      return [`alter database ${ident(name)} set ${setting} = ${to}`, `alter role ${ident(role)} set ${setting} = ${to}`]
    })
    await sql(on.url('postgres'), set.join(';'))

    for (const replication of [false, true]) {
      const db = await open(on.url(name, role), { replication, lockTimeoutMs: 2000 })
      assert.equal(Math.floor(db.version / 10000), major)
      const expected = sessionSettings(db.version, { lock_timeout: '2s', datestyle: 'ISO, MDY' })
      for (const [setting, value] of Object.entries(expected)) {
        const [row] = await db.query(`select current_setting(${literal(setting)}) as value`)
        assert.equal(row?.['value'], value, `${setting}, replication ${replication}`)
      }
      assert.equal((await db.query('select pg_backend_pid() as pid'))[0]?.['pid'], String(db.processId))
      if (replication) assert.match((await db.query('IDENTIFY_SYSTEM'))[0]?.['systemid'] ?? '', /^\d+$/)
      await db.close()
    }
    await sql(on.url('postgres'), `drop role ${ident(role)}`)
  })

  test(`PostgreSQL ${major}: the replication client's configuration pins the same`, async () => {
    const on = await server(major)
    const { name } = await database(on)
    await sql(on.url('postgres'), `alter database ${ident(name)} set extra_float_digits = 0`)
    const resolved = await resolveConnection({ env: 'URL' }, 'source', { HOME, URL: on.url(name) })
    const probe = await connect(resolved, { side: 'source', applicationName: 'probe' })
    const config = await replicationClientConfig(resolved, { applicationName: 'pgmove reader', version: probe.version })
    await probe.close()
    const client = new pg.Client({ ...config, replication: 'database' } as pg.ClientConfig)
    await client.connect()
    try {
      for (const [setting, value] of Object.entries(sessionSettings(probe.version))) {
        const { rows } = await client.query<{ value: string }>(`select current_setting(${literal(setting)}) as value`)
        assert.equal(rows[0]?.value.replace('ISO, ', 'ISO,'), value, setting)
      }
    } finally {
      await client.end()
    }
  })
}

test('values are text, parameters text or bytes, and counts are right', async () => {
  const db = await open((await database(await server(17))).url)
  await db.execute('create table public.t (id bigint, at timestamptz, b bytea, j jsonb)')
  const inserted = await db.execute('insert into public.t values ($1, $2, $3, $4), ($1, null, null, null)', [
    '9007199254740993',
    '0044-03-15 BC',
    Buffer.from([0, 255]),
    '{"n": 1.10}',
  ])
  assert.equal(inserted, 2)
  assert.deepEqual((await db.query('select * from public.t')).at(0), {
    id: '9007199254740993',
    at: '0044-03-15 00:00:00+00 BC',
    b: '\\x00ff',
    j: '{"n": 1.10}',
  }) // prettier-ignore
  await db.close()
})

test('a transaction commits whole, rolls back whole, and never takes a silent rollback for a commit', async () => {
  const db = await open((await database(await server(17))).url)
  await db.execute('create table public.t (id int primary key)')
  await db.transaction(() => db.execute('insert into public.t values (1)'))
  await assert.rejects(
    db.transaction(async () => {
      await db.execute('insert into public.t values (2)')
      throw new Error('of the body')
    }),
    /of the body/,
  )
  await rejectsWith(
    'Internal',
    db.transaction(async () => {
      await db.execute('insert into public.t values (3)')
      await db.execute('select 1/0').catch(() => undefined)
    }),
    /rolled back at its commit/,
  )
  const level = await db.transaction(() => db.query('show transaction_isolation'), 'begin isolation level repeatable read')
  assert.deepEqual(level, [{ transaction_isolation: 'repeatable read' }])
  assert.deepEqual(await db.query('select id from public.t'), [{ id: '1' }])
  await db.close()
})

test('odd names: databases with quotes, blanks, percent signs, Unicode and URL characters', async () => {
  for (const major of [13, 17]) {
    const on = await server(major)
    for (const odd of ['names-of the source', `q'"q`, '50%25 %', 'ünï/cødé?☃', 'a@b:c,d#e&f=g\\h', ' blank ']) {
      const name = `${odd}_${uniqueName('x')}`
      await database(on, { name })
      const resolved = await resolveConnection({ env: 'URL' }, 'source', { HOME, URL: on.url(name) })
      const db = await connect(resolved, { side: 'source', applicationName: 'pgmove test' })
      assert.deepEqual(await db.query('select current_database() as name'), [{ name }])
      await db.close()
      const config = await replicationClientConfig(resolved, { applicationName: 'r', version: db.version, endpoint: db.endpoint })
      assert.equal(config.database, name)
    }
  }
})

test('missing databases and refused ports have kinds of their own', async () => {
  const on = await server(17)
  await rejectsWith('DatabaseMissing', open(on.url('no such database')), /source.*127\.0\.0\.1.*does not exist/)
  const port = await freePort()
  await rejectsWith('ConnectionLost', open(`postgres://u:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/db`), /ECONNREFUSED/)
  await rejectsWith('ConnectionLost', open('postgres://u@no-such-host.invalid/db'), /no-such-host\.invalid:5432/)
})

test('a host that never answers fails in time, and an abort ends the attempt at once', async () => {
  const mute = net.createServer((socket) => socket.on('error', () => undefined))
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
  const { port } = mute.address() as net.AddressInfo
  const url = `postgres://u@127.0.0.1:${port}/db`
  try {
    await rejectsWith('ConnectionLost', open(url, { timeoutMs: 200 }), /timeout expired/)
    const controller = new AbortController()
    const pending = assert.rejects(open(url, { timeoutMs: 0, signal: controller.signal }), /cancelled by the test/)
    mute.once('connection', () => controller.abort(new Error('cancelled by the test')))
    await pending
  } finally {
    mute.close()
  }
})

test('of several hosts the first that answers and fits is taken', async () => {
  const on = await server(17)
  const dead = await freePort()
  const hosts = `127.0.0.1:${dead},127.0.0.1:${on.port}`
  const db = await open(`postgres://postgres@${hosts}/postgres?target_session_attrs=read-write`)
  assert.equal(db.endpoint.host.port, on.port)
  await db.close()
  await (await open(`postgres://postgres@${hosts}/postgres?target_session_attrs=prefer-standby`)).close()
  await rejectsWith(
    'ConnectionLost',
    open(`postgres://postgres@${hosts}/postgres?target_session_attrs=standby`),
    /ECONNREFUSED.*target_session_attrs=standby/,
  )
  // A refusal ends the search, as in psql.
  await rejectsWith('DatabaseMissing', open(`postgres://postgres@127.0.0.1:${on.port},127.0.0.1:${on.port}/nope`), /does not exist/)
})

test('a session that dies: pending and later statements fail with ConnectionLost, nothing is unhandled, close returns', async () => {
  const on = await server(17)
  const db = await open(on.url('postgres'))
  const pending = rejectsWith('ConnectionLost', db.query('select pg_sleep(600)'), /source/)
  await eventually('the statement runs', 20, async () => {
    const rows = await sql(on.url('postgres'), `select 1 from pg_stat_activity where pid = $1 and query like '%sleep%'`, [
      String(db.processId),
    ])
    return rows.length === 1
  })
  await sql(on.url('postgres'), 'select pg_terminate_backend($1)', [String(db.processId)])
  await pending
  await rejectsWith('ConnectionLost', db.query('select 1'), /source/)
  await rejectsWith(
    'ConnectionLost',
    db.transaction(() => Promise.resolve()),
    /source/,
  )
  await db.close()
  await db.close()

  const idle = await open(on.url('postgres'))
  const ended = new Promise<void>((resolve) => idle.client.once('end', () => resolve()))
  await sql(on.url('postgres'), 'select pg_terminate_backend($1)', [String(idle.processId)])
  await ended
  await rejectsWith('ConnectionLost', idle.execute('select 1'), /source/)
  await idle.close()
  await rejectsWith('ConnectionLost', idle.execute('select 1'), /source/)
})

test('an abort cancels the running statement on the server and fails with its own reason', async () => {
  const on = await server(17)
  const controller = new AbortController()
  const reason = new Error('cancelled by the test')
  const db = await open(on.url('postgres'), { signal: controller.signal })
  const pending = assert.rejects(
    db.transaction(() => db.query('select pg_sleep(600)')),
    reason,
  )
  const seen = async () =>
    (await sql(on.url('postgres'), 'select state from pg_stat_activity where pid = $1', [String(db.processId)]))[0]?.['state']
  await eventually('the statement runs', 20, async () => (await seen()) === 'active')
  controller.abort(reason)
  await pending
  await assert.rejects(db.query('select 1'), reason)
  await eventually('the backend is gone', 5, async () => (await seen()) === undefined)
  await db.close()
})

test('passwords: reference, URL, PGPASSWORD and password file; wrong and missing ones are AuthenticationFailed', async () => {
  const hba = path.join(HOME, 'pg_hba.conf')
  await writeFile(
    hba,
    'host all postgres all trust\nhost all scram all scram-sha-256\nhost all md5 all md5\nhost all plain all password\n',
    { mode: 0o644 },
  )
  const on = await ownServer(13, { settings: { hba_file: hba } })
  for (const [role, encryption] of [['scram', 'scram-sha-256'], ['md5', 'md5'], ['plain', 'md5']] as const) {
    await sql(on.url('postgres'), `set password_encryption = '${encryption}'; create role ${role} login password ${literal(PASSWORD)}`)
  } // prettier-ignore
  const file = path.join(HOME, 'passfile')
  const secretFile = path.join(HOME, 'secret')
  await writeFile(secretFile, `${PASSWORD}\n`)
  for (const role of ['scram', 'md5', 'plain']) {
    const url = on.url('postgres', role)
    await writeFile(file, `# comment\n*:1:*:*:wrong\n127.0.0.1:${on.port}:postgres:${role}:${PASSWORD.replaceAll(/[:\\]/g, '\\$&')}\n`, {
      mode: 0o600,
    })
    const env = { HOME, SECRET: PASSWORD }
    const ways = [
      await resolveConnection({ url, password: { env: 'SECRET' } }, 'source', env),
      await resolveConnection({ url, password: { file: secretFile } }, 'source', env),
      await resolveConnection({ env: 'URL' }, 'source', { ...env, URL: url.replace(role, `${role}:${encodeURIComponent(PASSWORD)}`) }),
      await resolveConnection({ url }, 'source', { ...env, PGPASSWORD: PASSWORD }),
      await resolveConnection({ url }, 'source', { ...env, PGPASSFILE: file }),
      await resolveConnection({ url: `${url}?passfile=${encodeURIComponent(file)}` }, 'source', { ...env, PGPASSFILE: '/nowhere' }),
    ]
    for (const resolved of ways) {
      const db = await connect(resolved, { side: 'source', applicationName: 'pgmove test' })
      assert.deepEqual(await db.query('select current_user as me'), [{ me: role }])
      await db.close()
    }
    await rejectsWith('AuthenticationFailed', open(url, {}, { PGPASSWORD: 's3cret but wrong' }), /password authentication failed/)
    await rejectsWith('AuthenticationFailed', open(url), new RegExp(`asks for a password of the role "${role}"`))
    await chmod(file, 0o644)
    await rejectsWith('AuthenticationFailed', open(url, {}, { PGPASSFILE: file }), /may be read by others/)
    await rm(file)
  }
})

test('a child program connects with the environment as pgmove does', async () => {
  const on = await server(17)
  const { name } = await database(on, { name: uniqueName('child of % "x"') })
  const resolved = await resolveConnection({ env: 'URL' }, 'source', { HOME, URL: on.url(name) })
  const env = libpqEnvironment(resolved, {
    base: { PATH: process.env['PATH'], PGDATABASE: 'other', PGSERVICE: 'x', PGMOVE_TASK_QUEUE: 'q' },
  })
  assert.equal(env['PGSERVICE'], undefined)
  assert.equal(env['PGMOVE_TASK_QUEUE'], 'q')
  assert.equal(env['PGDATABASE'], name)
  const psql = promisify(execFile)('psql', ['-XAtc', 'select current_database()'], { env })
  const { stdout } = await psql.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return { stdout: `${name}\n` }
    throw error
  })
  assert.equal(stdout, `${name}\n`)
})
