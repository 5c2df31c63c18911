import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { MigrationError } from '../errors/migration-error.ts'
import type { Side } from '../errors/migration-error.ts'
import type { ConnectionSpec, SecretReference } from '../spec/migration-spec.ts'
import { parseConnectionUrl } from './connection-url.ts'
import type { ConnectionUrl } from './connection-url.ts'
import { HONOURED_PARAMETERS } from './connection-parameters.ts'
import type { HonouredParameter } from './connection-parameters.ts'
import { passwordOf, readPasswordFile } from './password-file.ts'
import type { ResolvedConnection, ResolvedHost, TargetSessionAttributes } from './resolved-connection.ts'
import { Secret } from './secret.ts'
import { resolveTls } from './tls-files.ts'

type Environment = Readonly<Record<string, string | undefined>>

const DEFAULT_PORT = 5432
const KEEP_ALIVE_IDLE_MS = 10_000

/**
 * Resolves a connection's references on this worker and gives the URL the meaning it has in psql here, libpq's environment
 * variables and default files included. Throws `InvalidSpec` for a URL that can't be honoured, `AuthenticationFailed` for a
 * password that isn't to be found, `Internal` for another reference that isn't.
 */
export async function resolveConnection(spec: ConnectionSpec, side: Side, env: Environment = process.env): Promise<ResolvedConnection> {
  const url = 'url' in spec ? spec.url : await dereference(spec, `the connection URL of the ${side}`, 'Internal', side, env)
  const { connection, problems, secrets } = parseConnectionUrl(url)
  const wrong = problems.map(({ found, expected }) => `found ${found}, expected ${expected}`)
  if ('url' in spec) wrong.push(...secrets.map((secret) => `found ${secret} inside the URL, expected a reference`))
  if (wrong.length > 0) {
    throw new MigrationError(
      'InvalidSpec',
      `The URL of the ${side} is wrong: ${wrong.slice(0, 5).join('; ')}. Correct it and start again.`,
      { side },
    )
  }
  const reference = 'url' in spec ? spec.password : undefined
  const referred = reference && (await dereference(reference, `the password of the ${side}`, 'AuthenticationFailed', side, env))

  const parameters = withEnvironment(connection.parameters, env, side)
  const home = env['HOME'] || os.homedir()
  const user = connection.user ?? (env['PGUSER'] || os.userInfo().username)
  const database = connection.database ?? (env['PGDATABASE'] || user)
  const password = referred ?? connection.password ?? (env['PGPASSWORD'] || undefined)
  const passwordFile = parameters.passfile || path.join(home, '.pgpass')
  const file = password === undefined ? await readPasswordFile(passwordFile) : undefined
  const withPassword = (host: Omit<ResolvedHost, 'password'>): ResolvedHost => {
    const name = host.host === defaultSocketDirectory(host.port) ? 'localhost' : host.host || host.hostaddr
    if (password !== undefined) return { ...host, password: new Secret(password) }
    return { ...host, password: file && 'lines' in file ? passwordOf(file.lines, { ...host, host: name, database, user }) : undefined }
  }
  const [first, ...others] = hostsOf(connection, env, side).map(withPassword)
  if (!first) throw new MigrationError('InvalidSpec', `The URL of the ${side} names no host.`, { side })
  return {
    hosts: [first, ...others],
    user,
    database,
    options: parameters.options ?? '',
    sessionAttributes: (parameters.target_session_attrs ?? 'any') as TargetSessionAttributes,
    connectTimeoutMs: parameters.connect_timeout === undefined ? undefined : Math.max(0, Number(parameters.connect_timeout)) * 1000,
    keepAliveIdleMs: Number(parameters.keepalives_idle ?? 0) > 0 ? Number(parameters.keepalives_idle) * 1000 : KEEP_ALIVE_IDLE_MS,
    tls: await resolveTls(parameters, home, side),
    passwordFile,
    passwordNote: file && 'ignored' in file ? file.ignored : undefined,
  }
}

/** The content of a variable or a file; a trailing newline of a file doesn't belong to it. */
async function dereference(
  reference: SecretReference,
  what: string,
  kind: 'Internal' | 'AuthenticationFailed',
  side: Side,
  env: Environment,
): Promise<string> {
  const problem = (text: string): MigrationError =>
    new MigrationError(kind, `On the ${side}: ${text}, so ${what} is not known. pgmove waits; nothing was sent.`, {
      side,
      hint: 'Give it to every worker of the task queue, restart them, then send the signal resume.',
    })
  if ('env' in reference) {
    const value = env[reference.env]
    if (value === undefined || value === '') throw problem(`the worker's environment has no variable ${reference.env}`)
    return value
  }
  try {
    const text = await readFile(reference.file, 'utf8')
    const value = text.replace(/\r?\n$/, '')
    if (value !== '') return value
  } catch (error) {
    throw problem(`the worker can not read the file ${reference.file} (${(error as NodeJS.ErrnoException).code})`)
  }
  throw problem(`the file ${reference.file} is empty`)
}

/** libpq's variables for parameters (PostgreSQL documentation, "Environment Variables"); those of the host, user and so on are read where they count. */
const VARIABLES: Readonly<Partial<Record<HonouredParameter, string>>> = {
  passfile: 'PGPASSFILE',
  connect_timeout: 'PGCONNECT_TIMEOUT',
  options: 'PGOPTIONS',
  sslmode: 'PGSSLMODE',
  sslnegotiation: 'PGSSLNEGOTIATION',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  sslcrl: 'PGSSLCRL',
  sslsni: 'PGSSLSNI',
  sslcertmode: 'PGSSLCERTMODE',
  ssl_min_protocol_version: 'PGSSLMINPROTOCOLVERSION',
  ssl_max_protocol_version: 'PGSSLMAXPROTOCOLVERSION',
  channel_binding: 'PGCHANNELBINDING',
  target_session_attrs: 'PGTARGETSESSIONATTRS',
}

function withEnvironment(parameters: ConnectionUrl['parameters'], env: Environment, side: Side): ConnectionUrl['parameters'] {
  const result: Partial<Record<HonouredParameter, string>> = { ...parameters }
  for (const [name, variable] of Object.entries(VARIABLES) as [HonouredParameter, string][]) {
    const value = env[variable]
    if (result[name] !== undefined || value === undefined || value === '') continue
    const expected = HONOURED_PARAMETERS[name](value)
    if (expected !== undefined) {
      throw new MigrationError(
        'Internal',
        `On the ${side}: the worker's variable ${variable} is not ${expected}. pgmove waits; nothing was sent.`,
        { side },
      )
    }
    result[name] = value
  }
  return result
}

function hostsOf(connection: ConnectionUrl, env: Environment, side: Side): Omit<ResolvedHost, 'password'>[] {
  let hosts = connection.hosts
  let fallback = connection.port
  if (hosts.length === 0 && (env['PGHOST'] || env['PGHOSTADDR'] || env['PGPORT'])) {
    const { connection: given, problems } = parseConnectionUrl(
      `postgres:///?${Object.entries({
        host: env['PGHOST'],
        hostaddr: env['PGHOSTADDR'],
        port: fallback === undefined ? env['PGPORT'] : String(fallback),
      })
        .filter(([, value]) => value !== undefined && value !== '')
        .map(([name, value]) => `${name}=${encodeURIComponent(value ?? '')}`)
        .join('&')}`,
    )
    if (problems[0]) {
      const { found, expected } = problems[0]
      throw new MigrationError(
        'Internal',
        `On the ${side}: PGHOST, PGHOSTADDR and PGPORT of the worker: found ${found}, expected ${expected}.`,
        { side },
      )
    }
    hosts = given.hosts
    fallback ??= given.port
  }
  const environmentPort = /^\d{1,5}$/.test(env['PGPORT'] ?? '') ? Number(env['PGPORT']) : undefined
  const portless = hosts.length === 0 || hosts.every(({ port }) => port === undefined)
  const port = fallback ?? (portless ? environmentPort : undefined) ?? DEFAULT_PORT
  const list = hosts.length > 0 ? hosts : [{ host: '', hostaddr: '', port }]
  return list.map((host) => {
    const hostPort = host.port ?? port
    return { host: host.host || (host.hostaddr ? '' : defaultHost(hostPort)), hostaddr: host.hostaddr, port: hostPort }
  })
}

/** Where libpq looks if no host is given: Debian builds it with /var/run/postgresql, the project itself with /tmp; Windows has no sockets. */
function defaultHost(port: number): string {
  return process.platform === 'win32' ? 'localhost' : defaultSocketDirectory(port)
}

function defaultSocketDirectory(port: number): string {
  const directories = ['/var/run/postgresql', '/tmp']
  return (
    directories.find((directory) => existsSync(path.join(directory, `.s.PGSQL.${port}`))) ??
    directories.find((directory) => existsSync(directory)) ??
    '/tmp'
  )
}
