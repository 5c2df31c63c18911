import { sqlState } from '../errors/classify.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { literal } from '../postgres/quote.ts'
import { DROP_DDL_CAPTURE, dropDdlCapture } from './ddl-capture.ts'
import { forgetInstalled, readInstalled } from './installed.ts'
import { despiteFence, fenceStatements, keepPart, lowerPart } from './fence.ts'
import type { Installed } from './installed.ts'
import { slotName } from '../state/migration-ref.ts'
import { endSessions, freeSlot } from './own-sessions.ts'
import { dropPublication, dropPublicationStatement } from './publication.ts'
import { restoreReplicaIdentity, restoreStatement } from './replica-identity.ts'
import { pause } from './retry-on-lock.ts'
import { changeSource, needsTruncateLog, SOURCE_MARK, sourceSchemaComment } from './source-schema.ts'
import { dropTriggerStatement, dropTruncateTrigger } from './truncate-trigger.ts'

export interface ReleaseSourceArgs {
  readonly source: Database
  /** As migrationId() makes it. */
  readonly id: string
  /** Milliseconds since 1970: what waits for a lock longer is left. */
  readonly deadline: number
  /** Of a migration that is completed the fence stays in force; where nobody knows, it stays and is named as left. Default: lifted. */
  readonly fence?: 'lift' | 'keep' | 'leave'
  readonly signal: AbortSignal
}

/** Something that could not be removed from the source. */
export interface LeftOnSource {
  readonly kind: Installed['kind']
  readonly name: string
  readonly reason: string
  /** What removes it. */
  readonly statement: string
}

/** Ends the tries of one thing once the first has failed: only what waits between tries looks at it. */
const ONE_TRY_MS = 200
const ROUND_MS = 300
/** First the fence, for which the application waits, then the slot, which holds back WAL and vacuum. */
const ORDER: readonly Installed['kind'][] = [
  'fence',
  'slot',
  'publication',
  'ddl capture',
  'truncate trigger',
  'replica identity',
  'schema',
]

/**
 * Removes what the migration has added to the source and restores what it has set, each by itself, so that one thing that
 * can't be removed keeps no other. Ends the migration's sessions on the source. May be run again until nothing is left. Throws
 * only if the connection is lost.
 */
export async function releaseSource({
  source,
  id,
  deadline,
  fence = 'lift',
  signal,
}: ReleaseSourceArgs): Promise<{ left: LeftOnSource[] }> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(Math.max(0, deadline - Date.now()))])
  if ((await sourceSchemaComment(source)) !== SOURCE_MARK) return { left: [] }
  const installed = await readInstalled(source, id).catch((error: unknown) => {
    // The last migration has just removed the whole schema.
    if (sqlState(error) === '42P01') return []
    throw error
  })
  if (installed.length > 0) {
    await endSessions(source, `pgmove ${id} `, limit).catch((error: unknown) => {
      signal.throwIfAborted()
      if (isLost(error)) throw error
    })
  }
  const fenced = installed.some(({ kind }) => kind === 'fence')
  const waiting = ORDER.flatMap((kind) => installed.filter((one) => one.kind === kind))
  for (;;) {
    const left = await removeAll(source, { id, fence, fenced }, waiting, signal)
    if (left.length === 0 || limit.aborted || !left.some(({ locked }) => locked)) return { left: left.map(({ left }) => left) }
    waiting.splice(0, waiting.length, ...left.map(({ one }) => one))
    await pause(ROUND_MS, limit).catch(() => signal.throwIfAborted())
  }
}

/** Why a fence is left alone: the database may have been given up for good. */
const UNKNOWN_END = 'nobody knows whether its migration was completed, after which the source stays read-only'

/** One try of each, so that what is locked keeps the rest from nothing. */
async function removeAll(
  source: Database,
  how: Removal,
  waiting: readonly Installed[],
  signal: AbortSignal,
): Promise<{ one: Installed; left: LeftOnSource; locked: boolean }[]> {
  const failed = []
  for (const one of waiting) {
    const once = AbortSignal.any([signal, AbortSignal.timeout(ONE_TRY_MS)])
    try {
      await remove(source, how, one, once)
    } catch (error) {
      signal.throwIfAborted()
      if (isLost(error)) throw error
      const { kind, name } = one
      failed.push({
        one,
        left: { kind, name, reason: reasonOf(error, once), statement: await statementFor(source, how, one) },
        locked: isLocked(error, once),
      })
    }
  }
  return failed
}

interface Removal {
  readonly id: string
  readonly fence: NonNullable<ReleaseSourceArgs['fence']>
  /** Whether it has recorded a fence. */
  readonly fenced: boolean
}

async function remove(source: Database, { id, fence }: Removal, installed: Installed, signal: AbortSignal): Promise<void> {
  switch (installed.kind) {
    case 'fence':
      if (fence === 'keep') return keepPart(source, id, installed, signal)
      if (fence === 'leave') throw new MigrationError('Internal', UNKNOWN_END, { side: 'source' })
      return lowerPart(source, id, installed, signal)
    case 'slot':
      // A record that names another slot is not pgmove's.
      if (installed.name === slotName(id)) await dropSlot(source, installed.name, signal)
      return forgetInstalled(source, id, 'slot', installed.name)
    case 'publication':
      return dropPublication(source, id, signal)
    case 'ddl capture':
      return dropDdlCapture(source, id, signal)
    case 'truncate trigger':
      return dropTruncateTrigger(source, id, installed, signal)
    case 'replica identity':
      return restoreReplicaIdentity(source, id, installed, signal)
    case 'schema':
      return removeSchema(source, id, signal)
  }
}

/** A slot of that name in another database is not ours: the database with the record may be a copy. */
async function dropSlot(source: Database, slot: string, signal: AbortSignal): Promise<void> {
  const here = `from pg_replication_slots where slot_name = $1 and database = current_database()`
  if ((await source.query(`select ${here}`, [slot])).length === 0) return
  await freeSlot(source, slot, signal)
  await source.query(`select pg_drop_replication_slot(slot_name) ${here}`, [slot])
}

/** Removes the migration's rows; with the last migration's, pgmove's tables, and the schema unless somebody has put something there. */
async function removeSchema(source: Database, id: string, signal: AbortSignal): Promise<void> {
  await changeSource(source, signal, async () => {
    await source.query(`delete from pgmove.dts_postgres_heartbeat where id = $1`, [id])
    if (needsTruncateLog(source.version)) await source.query(`delete from pgmove.truncate_log where id = $1`, [id])
    const others = await source.query<{ id: string }>(`select id from pgmove.installed where not (id = $1 and kind = 'schema')`, [id])
    if (others.some((other) => other.id === id)) {
      throw new MigrationError('Internal', 'it is needed until the rest is removed', { side: 'source' })
    }
    if (others.length > 0) return forgetInstalled(source, id, 'schema', 'pgmove')
    if (needsTruncateLog(source.version)) await source.query('drop function pgmove.log_truncate(); drop table pgmove.truncate_log')
    await source.query('drop table pgmove.dts_postgres_heartbeat; drop table pgmove.installed; drop schema pgmove')
  })
}

async function statementFor(source: Database, { id, fenced }: Pick<Removal, 'id' | 'fenced'>, installed: Installed): Promise<string> {
  if (installed.kind === 'fence') return (await fenceStatements(source, [installed])).join('; ')
  const statement = plainStatementFor(id, installed)
  return fenced ? despiteFence(statement) : statement
}

function plainStatementFor(id: string, { kind, name, previous }: Installed): string {
  if (kind === 'slot') return `select pg_drop_replication_slot(${literal(name)})`
  if (kind === 'publication') return dropPublicationStatement(id)
  if (kind === 'ddl capture') return DROP_DDL_CAPTURE
  if (kind === 'truncate trigger') return dropTriggerStatement(id, name)
  if (kind === 'replica identity') return restoreStatement(name, { previous })
  return 'drop schema pgmove cascade'
}

/**
 * What removes by hand all that a migration has recorded, in this order. What another migration still needs is left out: a replica identity that
 * both have set, and the schema.
 */
export async function removalStatements(source: Database, id: string): Promise<string[]> {
  const others = await source.query<{ kind: string; name: string }>(
    `select distinct kind, name from pgmove.installed where id <> $1 and kind in ('schema', 'replica identity', 'fence', 'ddl capture')`,
    [id],
  )
  const shared = new Set(others.map(({ kind, name }) => `${kind} ${name}`))
  const installed = (await readInstalled(source, id)).filter(({ kind, name }) => !shared.has(`${kind} ${name}`))
  const fenced = installed.some(({ kind }) => kind === 'fence')
  const statements: string[] = []
  for (const one of ORDER.flatMap((kind) => installed.filter((one) => one.kind === kind))) {
    const statement = await statementFor(source, { id, fenced }, one)
    if (statement !== '') statements.push(statement)
  }
  if (!shared.has('schema pgmove')) return statements
  const tables = ['dts_postgres_heartbeat', ...(needsTruncateLog(source.version) ? ['truncate_log'] : []), 'installed']
  const rows = tables.map((table) => `delete from pgmove.${table} where id = ${literal(id)}`)
  return [...statements, ...rows.map((statement) => (fenced ? despiteFence(statement) : statement))]
}

function isLocked(error: unknown, once: AbortSignal): boolean {
  return error === once.reason || sqlState(error) === '55006'
}

function reasonOf(error: unknown, once: AbortSignal): string {
  if (isLocked(error, once)) return 'it stayed locked or in use until the deadline'
  return error instanceof Error ? error.message.slice(0, 200) : 'unknown'
}

/** But not "slot is active", which counts as a lost connection for whoever wants to stream. */
function isLost(error: unknown): boolean {
  return error instanceof MigrationError && error.kind === 'ConnectionLost' && sqlState(error) !== '55006'
}
