import { sqlState } from '../errors/classify.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { pause } from './retry-on-lock.ts'

const POLL_MS = 50
/** From here on it is told who is waited for. */
const PATIENCE_MS = 2000
const INSUFFICIENT_PRIVILEGE = '42501'
const SHOWN = 5

/** Superusers of managed services, which nobody there can be or end: what they run is the provider's own. */
const PROVIDERS: ReadonlySet<string> = new Set([
  'rdsadmin',
  'cloudsqladmin',
  'azuresu',
  'azure_superuser',
  'alloydbadmin',
  'neon_superuser',
])

interface SessionRow extends Record<string, string | null> {
  pid: string
  role: string
  application: string
}

/**
 * Ends every session of this database that began before now and may write, but pgmove's own, and waits until they are gone. A session
 * takes its settings over before it shows in pg_stat_activity, but holds a lock on its database meanwhile: those that hold it now
 * are waited for first.
 */
export async function endWriters(
  source: Database,
  { signal, onWait }: { readonly signal: AbortSignal; readonly onWait?: ((what: string | undefined) => void) | undefined },
): Promise<{ ended: number; kept: readonly string[] }> {
  const [now] = await source.query<{ at: string }>('select clock_timestamp() as at')
  const beginning = new Set(await beginners(source))
  while (beginning.size > 0 && (await beginners(source)).some((holder) => beginning.has(holder))) await pause(POLL_MS, signal)
  // Whoever comes later is read-only: the list is final.
  const sessions = await readWriters(source, now?.at ?? null)
  const refused: SessionRow[] = []
  for (const session of sessions) if (!(await end(source, session.pid))) refused.push(session)
  const foreign = refused.filter(({ role }) => !PROVIDERS.has(role))
  if (foreign.length > 0) throw mayNotEnd(foreign, 'The fence stands, and abortCutover lifts it')
  const ended = sessions.filter((session) => !refused.includes(session))
  await waitForEnd(source, ended, { signal, onWait })
  return { ended: ended.length, kept: refused.map(describe) }
}

/** A session ends when it looks: one that writes a lot or hangs in its storage may take its time. */
async function waitForEnd(
  source: Database,
  ended: readonly SessionRow[],
  { signal, onWait }: { readonly signal: AbortSignal; readonly onWait?: ((what: string | undefined) => void) | undefined },
): Promise<void> {
  const started = Date.now()
  let told = false
  for (;;) {
    const there = new Set((await readWriters(source, null)).map(({ pid }) => pid))
    const open = ended.filter(({ pid }) => there.has(pid))
    if (open.length === 0) break
    if (Date.now() - started > PATIENCE_MS) {
      told = true
      onWait?.(`sessions on the source that were ended to go: ${listed(open)}`)
    }
    await pause(POLL_MS, signal)
  }
  if (told) onWait?.(undefined)
}

/**
 * Sessions that can write, begun before `since` if given: not what only sends WAL, cleans up or helps another session, nor an apply worker, which would
 * come back at once and heeds no read-only default. Of other roles' sessions the type may be hidden.
 */
async function readWriters(source: Database, since: string | null): Promise<SessionRow[]> {
  return source.query<SessionRow>(
    `select a.pid, coalesce(a.usename, '') as role, a.application_name as application from pg_stat_activity a
      where a.datname = current_database() and a.pid <> pg_backend_pid() and a.usesysid is not null
        and coalesce(a.backend_start < $1::timestamptz, true)
        and coalesce(a.backend_type not in ('walsender', 'autovacuum worker', 'parallel worker', 'slotsync worker')
                     and a.backend_type not like 'logical replication%', true)
        and not exists (select from pgmove.installed i where left(a.application_name, length(i.id) + 8) = 'pgmove ' || i.id || ' ')
      order by 1`,
    [since],
  )
}

/** Whoever holds the lock that a session takes on its database until it has begun. */
async function beginners(source: Database): Promise<string[]> {
  const rows = await source.query<{ holder: string }>(
    `select distinct virtualtransaction as holder from pg_locks
      where locktype = 'object' and database = 0 and classid = 'pg_database'::regclass and mode = 'RowExclusiveLock'
        and objid = (select oid from pg_database where datname = current_database())`,
  )
  return rows.map(({ holder }) => holder)
}

/** False if the role may not. */
async function end(source: Database, pid: string): Promise<boolean> {
  try {
    await source.query('select pg_terminate_backend($1::int)', [pid])
    return true
  } catch (error) {
    if (sqlState(error) === INSUFFICIENT_PRIVILEGE) return false
    throw error
  }
}

/**
 * To be called before anything is set.
 *
 * @throws MigrationError `InsufficientPrivilege` if sessions are open that the role may not end
 */
export async function checkWriters(source: Database): Promise<void> {
  const allowed = await source.query<{ role: string }>(
    `select r.rolname as role from pg_roles r, pg_roles own
      where own.rolname = current_user
        and (own.rolsuper or (not r.rolsuper and (pg_has_role(r.oid, 'usage') or pg_has_role('pg_signal_backend', 'usage'))))`,
  )
  const may = new Set(allowed.map(({ role }) => role))
  const refused = (await readWriters(source, null)).filter(({ role }) => !may.has(role) && !PROVIDERS.has(role))
  if (refused.length > 0) throw mayNotEnd(refused, 'The source is still writable')
}

function mayNotEnd(sessions: readonly SessionRow[], state: string): MigrationError {
  return new MigrationError(
    'InsufficientPrivilege',
    `On the source: the fence needs the end of sessions that pgmove's role may not end: ${listed(sessions)}. ${state}. End them by hand, or grant pg_signal_backend to the role (sessions of superusers need a superuser), then send the signal resume; or send abortCutover.`,
    { side: 'source' },
  )
}

function listed(sessions: readonly SessionRow[]): string {
  const more = sessions.length > SHOWN ? ` and ${sessions.length - SHOWN} more` : ''
  return `${sessions.slice(0, SHOWN).map(describe).join('; ')}${more}`
}

function describe({ pid, role, application }: SessionRow): string {
  return `process ${pid} of ${role}${application === '' ? '' : ` (${application.slice(0, 40)})`}`
}
