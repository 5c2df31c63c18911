import { sqlState } from '../errors/classify.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { note } from '../state/migration-record.ts'
import { entryName } from './entry-name.ts'
import { isSatellite } from './entry-stage.ts'
import { existsOnTarget } from './exists-on-target.ts'
import { lockRemaining, markRestored } from './stored-entry.ts'
import type { StoredEntry } from './stored-entry.ts'

export interface RestoreOptions {
  readonly target: Database
  readonly id: string
  readonly signal: AbortSignal
  /** Told how many entries are done of how many, now and then. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** Replaces the plain restoring of an entry; runs inside its transaction. */
export type RestoreEntry = (target: Database, entry: StoredEntry) => Promise<void>

const BATCH_ENTRIES = 50
const BATCH_CHARACTERS = 200_000
/** A role, or a right of the target's role, that a comment or user mapping would need. */
const SKIPPED_STATES: ReadonlySet<string> = new Set(['42704', '42501', '0LP01'])
/** The label's provider is not loaded, or does not take the label (src/backend/commands/seclabel.c). */
const REFUSED_LABEL = '22023'
/** Set for every transaction that restores: what pg_restore sets, unless the entry says otherwise. */
const SETTINGS = `set local default_tablespace = ''`
const SINCE_ACCESS_METHODS = 120000

/** Restores entries in their order, each exactly once, several in one transaction; one by one, by `restore`, where that fails. */
export async function restoreInBatches(entries: readonly StoredEntry[], options: RestoreOptions, restore?: RestoreEntry): Promise<number> {
  const { target, id, signal, onProgress } = options
  // Nothing needs a comment, and these are the ones that may be refused.
  const ordered = [...entries.filter((entry) => !isTolerant(entry)), ...entries.filter(isTolerant)]
  let done = 0
  for (const batch of batches(ordered)) {
    signal.throwIfAborted()
    try {
      done += await restoreBatch(target, id, batch)
    } catch (error) {
      if (!isServersAnswer(error)) throw error
      done += await restoreOneByOne(batch, { target, id, signal }, restore)
    }
    onProgress?.(done, entries.length)
  }
  return done
}

/**
 * Restores entries in their order, each exactly once, several in one transaction, beside another session that restores others. Resolves to
 * those that it could not: whatever two sessions did to each other passes when they are tried again by one.
 */
export async function restoreWhatPasses(
  entries: readonly StoredEntry[],
  { target, id, signal, onBatch }: Omit<RestoreOptions, 'onProgress'> & { readonly onBatch: (restored: number) => void },
): Promise<StoredEntry[]> {
  const failed: StoredEntry[] = []
  for (const batch of batches(entries)) {
    signal.throwIfAborted()
    try {
      onBatch(await restoreBatch(target, id, batch))
    } catch (error) {
      // Also a deadlock.
      if (!isServersAnswer(error) && !(error instanceof MigrationError && error.kind === 'LockTimeout')) throw error
      failed.push(...batch)
    }
  }
  return failed
}

function restoreBatch(target: Database, id: string, batch: readonly StoredEntry[]): Promise<number> {
  return target.transaction(async () => {
    const remaining = await lockRemaining(target, id, batch)
    if (remaining.length === 0) return 0
    await runDefinitions(target, remaining)
    await finish(target, id, remaining)
    return remaining.length
  })
}

/** Restores entries in their order, each exactly once and in a transaction of its own. */
export async function restoreOneByOne(
  entries: readonly StoredEntry[],
  { target, id, signal, onProgress }: RestoreOptions,
  restore: RestoreEntry = (database, entry) => runDefinitions(database, [entry]),
): Promise<number> {
  let done = 0
  for (const entry of entries) {
    signal.throwIfAborted()
    try {
      const restored = await target.transaction(async () => {
        const [remaining] = await lockRemaining(target, id, [entry])
        if (!remaining) return false
        await restore(target, remaining)
        await finish(target, id, [remaining])
        return true
      })
      if (restored) done++
    } catch (error) {
      await settleFailure(target, id, entry, error)
    }
    onProgress?.(done, entries.length)
  }
  return done
}

/** Runs the definitions of entries in the caller's transaction. */
export async function runDefinitions(target: Database, entries: readonly StoredEntry[]): Promise<void> {
  const heap = target.version >= SINCE_ACCESS_METHODS ? '; set local default_table_access_method = heap' : ''
  // A line comment at a definition's end must not swallow the next one's beginning.
  await target.query(`${SETTINGS}${heap};\n${entries.map(({ definition }) => `${definition}\n;`).join('\n')}`)
}

/** Skips what may be skipped, with a note; else fails, naming the entry. */
async function settleFailure(target: Database, id: string, entry: StoredEntry, error: unknown): Promise<void> {
  if (!isServersAnswer(error)) throw error
  const state = sqlState(error) ?? ''
  const name = entryName({ ...entry, tag: entry.name })
  if (isTolerant(entry) && (SKIPPED_STATES.has(state) || (entry.kind === 'SECURITY LABEL' && state === REFUSED_LABEL))) {
    const reason = entry.kind === 'SECURITY LABEL' ? labelReason(entry, state) : serverText(error)
    await note(target, id, 'skipped', name, reason)
    await markRestored(target, id, [entry], reason)
    return
  }
  if ((await failedBefore(target, id, name)) && (await existsOnTarget(target, entry))) {
    await note(target, id, 'warning', name, 'It could not be created, and was then made by hand; pgmove did not compare it.')
    await markRestored(target, id, [entry], EXISTS_BY_HAND)
    return
  }
  await note(target, id, 'warning', name, `${FAILED} ${serverText(error)}`)
  const { kind } = error
  throw new MigrationError(
    kind === 'Internal' ? 'SchemaMismatch' : kind,
    `On the target: ${name} could not be created: ${serverText(error)}. What was created before stays; pgmove waits.`.slice(0, 900),
    {
      side: 'target',
      ...(entry.table ? { table: `${entry.table.schema}.${entry.table.name}` } : {}),
      hint: 'Remove the cause, or create the object by hand, then send the signal resume.',
      cause: error,
    },
  )
}

const FAILED = 'It could not be created:'
const EXISTS_BY_HAND = 'made by hand'

async function failedBefore(target: Database, id: string, name: string): Promise<boolean> {
  const rows = await target.query(
    `select from pgmove.note where id = $1 and kind = 'warning' and object = $2 and position($3 in text) = 1`,
    [id, name, FAILED],
  )
  return rows.length > 0
}

/** Marks entries as restored, and forgets that they could not be created at first: one statement, as there may be many entries. */
async function finish(target: Database, id: string, entries: readonly StoredEntry[]): Promise<void> {
  await target.query(
    `with forgotten as (
       delete from pgmove.note where id = $1 and kind = 'warning' and position($4 in text) = 1
          and object in (select json_array_elements_text($3::json)))
     update pgmove.entry set restored_at = clock_timestamp() where id = $1 and dump_id = any ($2::int[])`,
    [
      id,
      `{${entries.map(({ dumpId }) => dumpId).join(',')}}`,
      JSON.stringify(entries.map((entry) => entryName({ ...entry, tag: entry.name }))),
      FAILED,
    ],
  )
}

/** Whether the server refused a statement, for a reason that does not pass by itself. */
function isServersAnswer(error: unknown): error is MigrationError {
  return (
    error instanceof MigrationError &&
    sqlState(error) !== undefined &&
    !['ConnectionLost', 'LockTimeout', 'DatabaseMissing'].includes(error.kind)
  )
}

/** Names the provider: what it labels and how is its own affair, and the label itself may be nobody's business. */
function labelReason({ definition }: StoredEntry, state: string): string {
  const [, provider = ''] = /^SECURITY LABEL FOR ("(?:[^"]|"")+"|\S+) ON /.exec(definition) ?? []
  return `The target has no label provider ${provider}, does not take its label, or lacks the right to set it (SQLSTATE ${state}). Have the provider loaded (shared_preload_libraries) and set the label by hand.`
}

function serverText(error: MigrationError): string {
  return error.message.replace(/^On the target: /, '')
}

/** User mappings name roles, which belong to the server and may be missing; some comments need more than the target role owns. */
function isTolerant(entry: Pick<StoredEntry, 'kind'>): boolean {
  return isSatellite(entry) || entry.kind === 'USER MAPPING'
}

function batches(entries: readonly StoredEntry[]): StoredEntry[][] {
  const result: StoredEntry[][] = []
  let size = Infinity
  for (const entry of entries) {
    const last = result.at(-1)
    if (!last || last.length >= BATCH_ENTRIES || size + entry.definition.length > BATCH_CHARACTERS) {
      result.push([entry])
      size = entry.definition.length
    } else {
      last.push(entry)
      size += entry.definition.length
    }
  }
  return result
}
