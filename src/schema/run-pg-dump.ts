import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { MigrationError } from '../errors/migration-error.ts'
import { clientProgram } from '../postgres/client-program.ts'
import type { Database } from '../postgres/connect.ts'
import { libpqEnvironment } from '../postgres/libpq-environment.ts'
import { ident, qualified } from '../postgres/quote.ts'
import type { ResolvedConnection } from '../postgres/resolved-connection.ts'
import { PINNED_SETTINGS, startupOptions } from '../postgres/session-settings.ts'
import { parseArchiveToc } from './archive-toc.ts'
import type { ArchiveToc } from './archive-toc.ts'
import { dumpFailure } from './dump-failure.ts'

export interface DumpOptions {
  /** An open session on the same server; tells where it is, and of which version. */
  readonly database: Database
  readonly connection: ResolvedConnection
  /** pg_dump has to be at least of this major version, besides the server's own. */
  readonly minMajor: number
  /** Tables that are not dumped, and so not locked. */
  readonly excluded: readonly { readonly schema: string; readonly name: string }[]
  /** How long pg_dump waits for a table's lock, and with it whoever queues behind. Default and most on a source: 2000. */
  readonly lockWaitMs?: number
  /** Shown in pg_stat_activity. */
  readonly applicationName: string
  /** Its abort ends pg_dump. */
  readonly signal: AbortSignal
}

const LOCK_WAIT_MS = 2000
/** Above it the excluded tables go by a filter on standard input, which pg_dump knows from 17 on; Linux allows 2 MB of arguments. */
const ARGUMENT_BYTES = 100_000
const FILTER_SINCE = 17
const KILL_AFTER_MS = 1000

/**
 * The definitions of a whole database but for some tables, with pg_dump's own dependencies, of one moment.
 *
 * @throws MigrationError `LockTimeout` when a table stayed locked, `InsufficientPrivilege`, `ConnectionLost`, else `Internal`
 */
export async function runPgDump(options: DumpOptions): Promise<ArchiveToc> {
  const { database, connection, applicationName, signal } = options
  const patterns = options.excluded.map(({ schema, name }) => qualified(schema, name))
  const byFilter = patterns.reduce((sum, pattern) => sum + Buffer.byteLength(pattern) + 20, 0) > ARGUMENT_BYTES
  const serverMajor = Math.floor(database.version / 10_000)
  const program = await findProgram(Math.max(serverMajor, options.minMajor, byFilter ? FILTER_SINCE : 0), database)
  const arguments_ = [
    '--format=custom',
    '--compress=0',
    '--schema-only',
    '--no-publications',
    '--no-subscriptions',
    '--no-password',
    `--lock-wait-timeout=${options.lockWaitMs ?? LOCK_WAIT_MS}`,
    `--exclude-schema=${ident('pgmove')}`,
    ...(byFilter ? ['--filter=-'] : patterns.map((pattern) => `--exclude-table=${pattern}`)),
  ]
  signal.throwIfAborted()
  const environment = {
    ...libpqEnvironment(connection, { endpoint: database.endpoint, applicationName, options: startupOptions(PINNED_SETTINGS) }),
    LC_ALL: 'C',
  }
  const child = spawn(program, arguments_, { env: environment, stdio: ['pipe', 'pipe', 'pipe'] })
  // At SIGTERM pg_dump cancels its running query, so that the server lets the locks go at once.
  const stop = () => {
    child.kill('SIGTERM')
    setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS).unref()
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    child.stdin.on('error', () => undefined)
    child.stdin.end(byFilter ? patterns.map((pattern) => `exclude table ${pattern}\n`).join('') : '')
    const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
    const [archive, complaint, code] = await Promise.all([collect(child.stdout), collect(child.stderr), ended])
    signal.throwIfAborted()
    if (code === 0) return parseArchiveToc(archive)
    throw await dumpFailure(database, complaint.toString('utf8'))
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

async function findProgram(major: number, { side }: Database): Promise<string> {
  try {
    return await clientProgram('pg_dump', major)
  } catch (error) {
    const text = `pgmove needs pg_dump on the worker's machine, and waits: ${error instanceof Error ? error.message : String(error)}`
    throw new MigrationError('Internal', text.slice(0, 900), { side, hint: 'Install pg_dump, then send the signal resume.', cause: error })
  }
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
