import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { parseConnectionUrl } from '../../src/postgres/connection-url.ts'

const host = (name: string, port?: number, hostaddr = '') => ({ host: name, hostaddr, port })

// Columns: URL, then what differs from an empty connection.
const READ: [string, object][] = [
  ['postgres://', {}],
  ['postgresql:///', {}],
  ['postgres://h', { hosts: [host('h')] }],
  ['postgres://u@h:6432/d', { hosts: [host('h', 6432)], user: 'u', database: 'd' }],
  ['postgres://u:p%40%2F%3A%25%20w@h/d', { hosts: [host('h')], user: 'u', password: 'p@/:% w', database: 'd' }],
  ['postgres://us%C3%A9r:@h/', { hosts: [host('h')], user: 'usér' }],
  ['postgres://h/names-of%20the%20%22source%22%2F%25%3F', { hosts: [host('h')], database: 'names-of the "source"/%?' }],
  ['postgres://h/a+b', { hosts: [host('h')], database: 'a+b' }],
  ['postgres://a,b:2,c/d', { hosts: [host('a'), host('b', 2), host('c')], database: 'd' }],
  ['postgres://a:1,b:2', { hosts: [host('a', 1), host('b', 2)] }],
  ['postgres://[::1]:5433,[fe80::1]/d', { hosts: [host('::1', 5433), host('fe80::1')], database: 'd' }],
  ['postgres://%2Fvar%2Frun:5433/d', { hosts: [host('/var/run', 5433)], database: 'd' }],
  ['postgres:///d?host=/tmp&port=6000', { hosts: [host('/tmp', 6000)], database: 'd' }],
  ['postgres:///d?host=a,b&port=6000', { hosts: [host('a', 6000), host('b', 6000)], database: 'd' }],
  ['postgres://h/d?host=other&user=v&dbname=e', { hosts: [host('other')], user: 'v', database: 'e' }],
  ['postgres://h/d?hostaddr=10.0.0.1', { hosts: [host('h', undefined, '10.0.0.1')], database: 'd' }],
  ['postgres:///d?port=6000', { port: 6000, database: 'd' }],
  ['postgres://h?sslmode=require', { hosts: [host('h')], parameters: { sslmode: 'require' } }],
  ['postgres://h?ssl=true', { hosts: [host('h')], parameters: { ssl: 'true', sslmode: 'require' } }],
  [
    'postgres://h?options=-c%20work_mem%3D1MB&connect_timeout=5',
    { hosts: [host('h')], parameters: { options: '-c work_mem=1MB', connect_timeout: '5' } },
  ],
]

for (const [url, expected] of READ) {
  test(`reads ${url}`, () => {
    const { connection, problems } = parseConnectionUrl(url)
    assert.deepEqual(problems, [])
    const placed = ['host', 'hostaddr', 'port']
    const parameters = Object.fromEntries(Object.entries(connection.parameters).filter(([name]) => !placed.includes(name)))
    const empty = { hosts: [], port: undefined, user: undefined, password: undefined, database: undefined, parameters: {} }
    assert.deepEqual({ ...connection, parameters }, { ...empty, ...expected })
  })
}

const REFUSED: [string, RegExp][] = [
  ['mysql://h/d', /no connection URL/],
  ['host=h user=u', /no connection URL/],
  ['postgres://u:s3cret/x@h/d', /a port that is none/],
  ['postgres://h:0/d', /a port that is none/],
  ['postgres://h:65536/d', /a port that is none/],
  ['postgres://[::1/d', /a host that can not be read/],
  ['postgres://[]/d', /a host that can not be read/],
  ['postgres://[::1]x/d', /a host that can not be read/],
  ['postgres://u:s3cret%zz@h/d', /wrong percent-encoding in the password/],
  ['postgres://h/%00', /wrong percent-encoding in the database/],
  ['postgres://h/%ff', /wrong percent-encoding in the database/],
  ['postgres://h?sslmode=sometimes', /sslmode.*one of disable/],
  ['postgres://h?sslmode', /without exactly one =/],
  ['postgres://h?sslmod=require', /the unknown parameter sslmod/],
  ['postgres://u:a/b?s3cret=x@h', /an unknown parameter/],
  ['postgres://h?service=x', /the parameter service/],
  ['postgres://h?replication=database', /the parameter replication/],
  ['postgres://h?gssencmode=require', /gssencmode/],
  ['postgres://h?client_encoding=LATIN1', /client_encoding/],
  ['postgres:///?host=a,b&port=1,2,3', /number of ports/],
  ['postgres://a,b?hostaddr=10.0.0.1', /numbers of host and hostaddr/],
  ['postgres://a?hostaddr=b', /no IP address/],
  ['postgres://h?sslnegotiation=direct', /sslnegotiation=direct/],
  ['postgres://h?sslrootcert=system&sslmode=require', /sslrootcert=system/],
]

for (const [url, message] of REFUSED) {
  test(`refuses ${url}`, () => {
    const { problems } = parseConnectionUrl(url)
    const text = problems.map(({ found, expected }) => `${found}, ${expected}`).join('\n')
    assert.match(text, message)
    assert.ok(!text.includes('s3cret'))
  })
}

test('a password is named as a secret wherever it stands', () => {
  for (const url of ['postgres://u:x@h', 'postgres://h?password=x', 'postgres://h?p%61ssword=x']) {
    assert.deepEqual(parseConnectionUrl(url).secrets, ['a password'], url)
  }
  assert.deepEqual(parseConnectionUrl('postgres://u:@h').secrets, [])
})

test('every user, password and database survives its encoding', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1 }).filter((value) => !value.includes('\0'))
  fc.assert(
    fc.property(text, text, text, (user, password, database) => {
      const encode = encodeURIComponent
      const { connection, problems } = parseConnectionUrl(`postgres://${encode(user)}:${encode(password)}@h/${encode(database)}`)
      assert.deepEqual(problems, [])
      assert.deepEqual([connection.user, connection.password, connection.database], [user, password, database])
    }),
  )
})

test('no text makes it throw or repeat itself', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'postgres:/@?&=%[],.#0aZ') }), (tail) => {
      const secret = 'QQsecretQQ'
      const { problems } = parseConnectionUrl(`postgres://u:${tail}${secret}@h/d`)
      assert.ok(!JSON.stringify(problems).includes(secret))
    }),
  )
})
