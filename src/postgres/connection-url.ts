import { HONOURED_PARAMETERS, REFUSED_PARAMETERS, isHonoured } from './connection-parameters.ts'
import type { HonouredParameter } from './connection-parameters.ts'

/** One server that a URL names. Empty texts mean that the URL doesn't say it. */
export interface UrlHost {
  /** A name, an IP address, or the directory of a Unix socket. */
  readonly host: string
  /** The IP address to connect to instead of looking `host` up. */
  readonly hostaddr: string
  readonly port: number | undefined
}

/** A connection URL, split and decoded; nothing filled in. */
export interface ConnectionUrl {
  /** In the order in which they are tried; empty if the URL names none. */
  readonly hosts: readonly UrlHost[]
  /** Set if the URL has one port without naming a host. */
  readonly port: number | undefined
  readonly user: string | undefined
  readonly password: string | undefined
  readonly database: string | undefined
  readonly parameters: Readonly<Partial<Record<HonouredParameter, string>>>
}

/** What is wrong with a URL. Never holds a part of it but the name of a known parameter. */
export interface UrlProblem {
  readonly found: string
  readonly expected: string
}

/** A URL read as far as it could be, all that is wrong with it, and which secrets stand in it, by name. */
export interface ParsedConnectionUrl {
  readonly connection: ConnectionUrl
  readonly problems: readonly UrlProblem[]
  readonly secrets: readonly string[]
}

/**
 * Reads a connection URL as libpq does (fe-connect.c, conninfo_uri_parse_options): percent-decoding of every part, several
 * hosts with ports, IPv6 in brackets, later parameters over earlier ones. Pure: the workflow sandbox runs it too.
 */
export function parseConnectionUrl(url: string): ParsedConnectionUrl {
  const problems: UrlProblem[] = []
  const values: Partial<Record<HonouredParameter, string>> = {}
  const add = (found: string, expected: string): void => void problems.push({ found, expected })
  const prefix = /^\s*(postgres|postgresql):\/\//.exec(url)
  if (!prefix) {
    add('a text that is no connection URL', 'a URL that begins with postgres:// or postgresql://')
    return { connection: connectionOf(values, [], undefined), problems, secrets: [] }
  }
  const { credentials, hosts, ports, database, query } = split(url.trim().slice(prefix[0].trim().length), add)
  const store = (name: HonouredParameter, raw: string): void => {
    const value = decoded(raw)
    if (value === undefined)
      return add(`a wrong percent-encoding in the ${LABELS[name] ?? `parameter ${name}`}`, 'UTF-8, percent-encoded as %41')
    const expected = HONOURED_PARAMETERS[name](value)
    if (expected !== undefined) add(`another value of the parameter ${name}`, expected)
    values[name] = value
  }
  if (credentials.user !== '') store('user', credentials.user)
  if (credentials.password !== '') store('password', credentials.password)
  if (hosts !== '') store('host', hosts)
  if (ports !== '') store('port', ports)
  if (database !== '') store('dbname', database)
  readParameters(query, store, add)
  if (values.ssl === 'true') values.sslmode = 'require'

  const port = readPorts(values.port, add)
  const list = readHosts(values, port, add)
  checkTogether(values, add)
  const secrets = values.password ? ['a password'] : []
  return { connection: connectionOf(values, list, list.length === 0 ? port[0] : undefined), problems, secrets }
}

const LABELS: Partial<Record<HonouredParameter, string>> = {
  user: 'user',
  password: 'password',
  host: 'host',
  port: 'port',
  dbname: 'database',
}
type Add = (found: string, expected: string) => void

function connectionOf(values: ConnectionUrl['parameters'], hosts: readonly UrlHost[], port: number | undefined): ConnectionUrl {
  const { user, password, dbname, ...parameters } = values
  return { hosts, port, user: user || undefined, password: password || undefined, database: dbname || undefined, parameters }
}

/** Cuts `user:password@host:port,host:port/database?parameters` at the first separators, as libpq does. */
function split(rest: string, add: Add) {
  const credentials = { user: '', password: '' }
  const end = rest.search(/[@/]/)
  if (end >= 0 && rest.charAt(end) === '@') {
    const text = rest.slice(0, end)
    const colon = text.indexOf(':')
    credentials.user = colon < 0 ? text : text.slice(0, colon)
    credentials.password = colon < 0 ? '' : text.slice(colon + 1)
    rest = rest.slice(end + 1)
  }
  const hosts: string[] = []
  const ports: string[] = []
  for (;;) {
    const match = /^(?:\[([^\]]*)\]|([^:/?,[]*))(?::([^/?,]*))?/.exec(rest)
    if (!match || match[1] === '') {
      add('a host that can not be read', 'host:port, or [address]:port for IPv6')
      rest = rest.replace(/^[^/?]*/, '')
      break
    }
    hosts.push(match[1] ?? match[2] ?? '')
    ports.push(match[3] ?? '')
    rest = rest.slice(match[0].length)
    if (!rest.startsWith(',')) break
    rest = rest.slice(1)
  }
  if (rest !== '' && !/^[/?]/.test(rest)) {
    add('a host that can not be read', 'host:port, or [address]:port for IPv6')
    rest = rest.replace(/^[^/?]*/, '')
  }
  const question = rest.indexOf('?')
  const path = question < 0 ? rest : rest.slice(0, question)
  const given = (list: string[]): string => (list.every((item) => item === '') ? '' : list.join(','))
  return {
    credentials,
    hosts: hosts.length > 1 ? hosts.join(',') : (hosts[0] ?? ''),
    ports: given(ports),
    database: path.replace(/^\//, ''),
    query: question < 0 ? '' : rest.slice(question + 1),
  }
}

function readParameters(query: string, store: (name: HonouredParameter, raw: string) => void, add: Add): void {
  // Behind a `?` that belongs to an unescaped password, a "name" may be a piece of it.
  const mayName = !query.includes('@')
  for (const pair of query === '' ? [] : query.split('&')) {
    const [rawName = '', value, ...more] = pair.split('=')
    const name = decoded(rawName) ?? ''
    if (value === undefined || more.length > 0) add('a parameter without exactly one =', 'name=value, = itself as %3D')
    else if (isHonoured(name)) store(name, value)
    else if (name === 'sslpassword') add('the parameter sslpassword', 'an sslkey that is not encrypted, which only the worker may read')
    else if (REFUSED_PARAMETERS.has(name)) add(`the parameter ${name}`, 'a URL without it: pgmove can not honour it')
    else
      add(
        mayName && /^[A-Za-z_]{1,40}$/.test(name) ? `the unknown parameter ${name}` : 'an unknown parameter',
        'a parameter that libpq knows',
      )
  }
}

/** Percent-decoding to UTF-8; undefined if that can't be, or gives a NUL. A `+` stays a `+`. */
function decoded(text: string): string | undefined {
  try {
    const value = decodeURIComponent(text)
    return value.includes('\0') ? undefined : value
  } catch {
    return undefined
  }
}

function readPorts(text: string | undefined, add: Add): (number | undefined)[] {
  return (text ?? '').split(',').map((item) => {
    const port = item.trim()
    if (port === '') return undefined
    if (/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65535) return Number(port)
    add('a port that is none', 'a port from 1 to 65535; a "/", ":" or "@" inside a user or password must be percent-encoded')
    return undefined
  })
}

function readHosts(values: ConnectionUrl['parameters'], ports: readonly (number | undefined)[], add: Add): UrlHost[] {
  const names = values.host ? values.host.split(',') : []
  const addresses = values.hostaddr ? values.hostaddr.split(',') : []
  const count = Math.max(names.length, addresses.length)
  if (names.length > 0 && addresses.length > 0 && names.length !== addresses.length)
    add('other numbers of host and hostaddr', 'one hostaddr for each host')
  if (ports.length > 1 && ports.length !== count) add('another number of ports than of hosts', 'one port for all hosts or one for each')
  if (addresses.some((address) => address !== '' && !/^(\d{1,3}(\.\d{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%\w+)?)$/.test(address))) {
    add('a hostaddr that is no IP address', 'IP addresses')
  }
  if (names.some((name) => name.startsWith('@')))
    add('a Unix socket in the abstract namespace', 'the directory of a Unix socket, or a host')
  return Array.from({ length: count }, (_, index) => ({
    host: names[index] ?? '',
    hostaddr: addresses[index] ?? '',
    port: ports.length > 1 ? ports[index] : ports[0],
  }))
}

function checkTogether({ sslmode, sslnegotiation, sslrootcert }: ConnectionUrl['parameters'], add: Add): void {
  if (sslnegotiation === 'direct' && !['require', 'verify-ca', 'verify-full'].includes(sslmode ?? '')) {
    add('sslnegotiation=direct with a weak sslmode', 'sslmode=require, verify-ca or verify-full with it')
  }
  if (sslrootcert === 'system' && sslmode !== undefined && sslmode !== 'verify-full') {
    add('sslrootcert=system with a weak sslmode', 'sslmode=verify-full with it')
  }
}
