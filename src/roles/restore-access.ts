import { MigrationError } from '../errors/migration-error.ts'
import { sqlState } from '../errors/classify.ts'
import type { Database } from '../postgres/connect.ts'
import { ident } from '../postgres/quote.ts'
import { countPendingAccess, lockPending, markDone, noteLeftAccess, pendingAccess } from './access-change.ts'
import type { PendingChange } from './access-change.ts'
import { readTargetRoles } from './target-roles.ts'

export interface RestoreAccessOptions {
  readonly target: Database
  readonly id: string
  readonly signal: AbortSignal
  /** Which kinds; default all. */
  readonly wanted?: (change: PendingChange) => boolean
  /** Told how many changes are done of how many, now and then. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

const BATCH = 100
/** privilege_not_revoked, privilege_not_granted: GRANT by somebody who may not is a mere warning. */
const NOT_GRANTED: ReadonlySet<string> = new Set(['01006', '01007'])

/**
 * Gives owners, grants, default privileges and settings to what stands on the target, each exactly once and with its mark in one
 * transaction. What the server refuses is left to a person, with a note; it never holds up a migration.
 */
export async function restoreAccess({ target, id, signal, wanted = () => true, onProgress }: RestoreAccessOptions): Promise<void> {
  const total = await countPendingAccess(target, id)
  const { superuser } = await readTargetRoles(target)
  let done = 0
  for (let after = '-1'; ;) {
    const changes = await pendingAccess(target, id, after)
    const last = changes.at(-1)
    if (!last) break
    after = last.ordinal
    for (const batch of batches(changes.filter(wanted))) {
      signal.throwIfAborted()
      try {
        await make(target, id, batch, superuser)
      } catch (error) {
        if (!isRefusal(error)) throw error
        for (const change of batch) await makeOne(target, id, change, superuser)
      }
      done += batch.length
      onProgress?.(done, total)
    }
  }
  await noteLeftAccess(target, id)
}

async function make(target: Database, id: string, batch: readonly PendingChange[], superuser: boolean): Promise<void> {
  await target.transaction(async () => {
    const open = await lockPending(target, id, batch)
    if (open.length === 0) return
    const script = open.map(statementOf).join(';\n')
    const missing = superuser ? [] : await missingCreate(target, open)
    const lend = missing.map(({ role, schema }) => `grant create on schema ${ident(schema)} to ${ident(role)};\n`).join('')
    const back = missing.map(({ role, schema }) => `;\nrevoke create on schema ${ident(schema)} from ${ident(role)}`).join('')
    await withoutWarnings(target, `${lend}${script}${back}`)
    await markDone(target, id, open)
  })
}

async function makeOne(target: Database, id: string, change: PendingChange, superuser: boolean): Promise<void> {
  let reason = ''
  // A grant for an owner that could not become one is the target role's own.
  for (const attempt of change.asRole === null ? [change] : [change, { ...change, asRole: null }]) {
    try {
      await make(target, id, [attempt], superuser)
      return
    } catch (error) {
      if (!isRefusal(error)) throw error
      reason ||= error.message.replace(/^On the target: /, '').slice(0, 300)
    }
  }
  await markDone(target, id, [change], reason)
}

function statementOf({ statement, asRole }: PendingChange): string {
  return asRole === null ? statement : `set local role ${ident(asRole)};\n${statement};\nreset role`
}

/** A new owner needs the right CREATE in its object's schema, unless a superuser makes it the owner. */
async function missingCreate(target: Database, changes: readonly PendingChange[]): Promise<{ role: string; schema: string }[]> {
  const pairs = changes.flatMap(({ kind, role, schema }) =>
    kind === 'owner' && role !== null && schema !== null ? [{ role, schema }] : [],
  )
  if (pairs.length === 0) return []
  return target.query<{ role: string; schema: string }>(
    `select distinct role, schema from json_to_recordset($1::json) as x (role text, schema text)
      where to_regnamespace(quote_ident(schema)) is not null and to_regrole(quote_ident(role)) is not null
        and not has_schema_privilege(role, schema, 'create')`,
    [JSON.stringify(pairs)],
  )
}

async function withoutWarnings(target: Database, script: string): Promise<void> {
  const warnings: string[] = []
  const listen = (notice: { code?: string | undefined; message?: string | undefined }): void => {
    if (NOT_GRANTED.has(notice.code ?? '')) warnings.push(notice.message ?? '')
  }
  target.client.on('notice', listen)
  try {
    await target.query(script)
  } finally {
    target.client.off('notice', listen)
  }
  if (warnings[0] !== undefined) throw new NotGranted(warnings[0])
}

/** The server said in a warning that it did nothing, or less than it was asked for. */
class NotGranted extends Error {}

function isRefusal(error: unknown): error is Error {
  if (error instanceof NotGranted) return true
  if (!(error instanceof MigrationError) || sqlState(error) === undefined) return false
  return !['ConnectionLost', 'LockTimeout', 'DatabaseMissing', 'OutOfResources'].includes(error.kind)
}

function batches(changes: readonly PendingChange[]): PendingChange[][] {
  const result: PendingChange[][] = []
  for (const change of changes) {
    const last = result.at(-1)
    // What was lent in a schema is taken back before the schema itself goes to its owner.
    if (!last || last.length >= BATCH || !last[0] || phaseOf(last[0]) !== phaseOf(change)) result.push([change])
    else last.push(change)
  }
  return result
}

function phaseOf({ kind, schema }: PendingChange): string {
  return kind === 'owner' && schema === null ? 'owner of a schema' : kind
}
