import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { inspect } from 'node:util'
import test, { after } from 'node:test'
import { MigrationError } from '../../src/errors/migration-error.ts'
import { libpqEnvironment } from '../../src/postgres/libpq-environment.ts'
import { passwordOf } from '../../src/postgres/password-file.ts'
import { resolveConnection } from '../../src/postgres/resolve-connection.ts'
import { startupOptions } from '../../src/postgres/session-settings.ts'

const home = await mkdtemp(path.join(os.tmpdir(), 'pgmove-resolve-'))
after(() => rm(home, { recursive: true, force: true }))
const HOME = { HOME: home }

test('defaults are those of libpq and its environment', async () => {
  const resolved = await resolveConnection({ url: 'postgres://db1' }, 'source', { ...HOME, PGUSER: 'u' })
  assert.deepEqual(
    resolved.hosts.map(({ host, port }) => [host, port]),
    [['db1', 5432]],
  )
  assert.deepEqual([resolved.user, resolved.database, resolved.tls.mode, resolved.sessionAttributes], ['u', 'u', 'prefer', 'any'])
  const env = { ...HOME, PGHOST: 'a,b', PGPORT: '1,2', PGDATABASE: 'd', PGSSLMODE: 'disable', PGCONNECT_TIMEOUT: '3' }
  const other = await resolveConnection({ url: 'postgres://u@' }, 'source', env)
  assert.deepEqual(
    other.hosts.map(({ host, port }) => [host, port]),
    [['a', 1], ['b', 2]],
  ) // prettier-ignore
  assert.deepEqual([other.database, other.tls.mode, other.connectTimeoutMs], ['d', 'disable', 3000])
  const port = await resolveConnection({ url: 'postgres://u@h/d' }, 'source', { ...HOME, PGPORT: '6000' })
  assert.equal(port.hosts[0].port, 6000)
})

test('references that lead nowhere wait, wrong URLs end, and no secret is repeated', async () => {
  const cases: [Parameters<typeof resolveConnection>[0], Record<string, string>, string, RegExp][] = [
    [{ env: 'SHOP_URL' }, {}, 'Internal', /no variable SHOP_URL/],
    [{ file: path.join(home, 'none') }, {}, 'Internal', /can not read the file .*none \(ENOENT\)/],
    [{ url: 'postgres://u@h', password: { env: 'SHOP_PASSWORD' } }, {}, 'AuthenticationFailed', /no variable SHOP_PASSWORD/],
    [{ env: 'SHOP_URL' }, { SHOP_URL: 'postgres://u:s3cret/@h' }, 'InvalidSpec', /a port that is none/],
    [{ env: 'SHOP_URL' }, { SHOP_URL: 'u:s3cret@h' }, 'InvalidSpec', /no connection URL/],
    [{ url: 'postgres://u:s3cret@h' }, {}, 'InvalidSpec', /a password inside the URL/],
    [{ url: 'postgres://u@h?sslmode=verify-full' }, {}, 'AuthenticationFailed', /root certificate .*root\.crt does not exist/],
    [
      { env: 'URL' },
      { URL: 'postgres://u@h?sslpassword=s3cret' },
      'InvalidSpec',
      /the parameter sslpassword, expected an sslkey that is not encrypted/,
    ],
    [{ url: 'postgres://u@h' }, { PGSSLMODE: 's3cret' }, 'Internal', /PGSSLMODE is not one of/],
  ]
  for (const [spec, env, kind, message] of cases) {
    await assert.rejects(resolveConnection(spec, 'source', { ...HOME, ...env }), (error: unknown) => {
      assert.ok(error instanceof MigrationError)
      assert.equal(error.kind, kind)
      assert.match(error.message, message)
      assert.ok(!error.message.includes('s3cret') && error.message.length < 1000)
      return true
    })
  }
})

test('a resolved connection shows no secret when it is printed', async () => {
  const env = { ...HOME, URL: 'postgres://u:s3cret@h/d' }
  const resolved = await resolveConnection({ env: 'URL' }, 'source', env)
  assert.equal(resolved.hosts[0].password?.reveal(), 's3cret')
  assert.ok(
    !(JSON.stringify(resolved) + inspect(resolved, { depth: 9, showHidden: true }) + String(resolved.hosts[0].password)).includes('s3cret'),
  )
  const child = libpqEnvironment(resolved, { base: { PGPASSWORD: 'other', PATH: '/bin', PGSERVICE: 'x' }, options: '-c a=b' })
  assert.deepEqual(
    [child['PGPASSWORD'], child['PATH'], child['PGSERVICE'], child['PGHOST'], child['PGOPTIONS'], child['PGSSLMODE']],
    ['s3cret', '/bin', undefined, 'h', '-c a=b', 'prefer'],
  )
})

test('default TLS files count as libpq counts them', async () => {
  const folder = path.join(home, 'tls', '.postgresql')
  await mkdir(folder, { recursive: true })
  const env = { HOME: path.dirname(folder) }
  const tls = async (parameters = '') => (await resolveConnection({ url: `postgres://u@h${parameters}` }, 'source', env)).tls
  assert.equal((await tls('?sslmode=require')).roots, undefined)
  await writeFile(path.join(folder, 'root.crt'), 'ROOT')
  assert.equal((await tls('?sslmode=require')).roots, 'ROOT')
  assert.equal((await tls('?sslmode=disable')).roots, undefined)
  assert.deepEqual([(await tls('?sslrootcert=system')).roots, (await tls('?sslrootcert=system')).mode], ['system', 'verify-full'])
  await writeFile(path.join(folder, 'postgresql.crt'), 'CERT')
  await assert.rejects(tls(), /not its private key/)
  await writeFile(path.join(folder, 'postgresql.key'), 'KEY')
  await chmod(path.join(folder, 'postgresql.key'), 0o644)
  await assert.rejects(tls(), /may be read by others/)
  await chmod(path.join(folder, 'postgresql.key'), 0o600)
  assert.equal((await tls()).key?.reveal(), 'KEY')
})

test('the first line of a password file that fits gives the password', () => {
  const lines = [
    '',
    '# *:*:*:*:comment',
    'h:1:d:u:one',
    'a\\:b:*:*:*:two:with colon',
    '*:*:d\\\\e:*:th\\:ree',
    '*:*:*:last:',
    '*:*:*:u:any',
    'short',
  ]
  const of = (host: string, port: number, database: string, user: string) => passwordOf(lines, { host, port, database, user })?.reveal()
  assert.equal(of('h', 1, 'd', 'u'), 'one')
  assert.equal(of('a:b', 5, 'x', 'y'), 'two:with colon')
  assert.equal(of('z', 5, 'd\\e', 'y'), 'th:ree')
  assert.equal(of('h', 2, 'd', 'u'), 'any')
  assert.equal(of('h', 2, 'd', 'last'), undefined)
  assert.equal(of('*', 2, 'd', 'nobody'), undefined)
})

test('startup options escape what would split them', () => {
  assert.equal(startupOptions({ search_path: '', a: 'b c\\d' }, '-c x=1'), '-c x=1 -c search_path= -c a=b\\ c\\\\d')
})
