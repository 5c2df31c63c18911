import assert from 'node:assert/strict'
import type { RunningMigration } from './migration-run.ts'
import type { TestDatabase } from './servers.ts'
import { textWithin } from './text-within.ts'

/** Where the traces of a migration are looked for. */
export interface Traces {
  readonly run: RunningMigration
  readonly target: TestDatabase
  /** What the worker has logged. */
  readonly log: string
}

/**
 * Fails if a text stands in Temporal's history (payloads decoded) or description, in the status, the result, the worker's log, or any column of the schema
 * pgmove of the target, as text or as bytes. The migration is over.
 */
export async function assertKeptSecret(secrets: readonly string[], { run, target, log }: Traces): Promise<void> {
  const places: Record<string, string> = {
    history: textWithin(await run.handle.fetchHistory()),
    description: textWithin((await run.handle.describe()).raw),
    status: JSON.stringify(await run.status()),
    report: JSON.stringify(await run.result()),
    log,
    'schema pgmove': await stateOf(target),
  }
  // Each is read as it is searched: what must stand in it does.
  for (const [place, text] of Object.entries(places)) {
    const known = place === 'status' || place === 'report' ? '"tables"' : run.workflowId
    assert.ok(text.includes(known), `${place} was not read`)
    for (const secret of secrets) {
      const forms = [secret, Buffer.from(secret).toString('hex')]
      assert.ok(!forms.some((form) => text.includes(form)), `${place} holds ${secret}`)
    }
  }
}

async function stateOf(target: TestDatabase): Promise<string> {
  const tables = await target.sql(
    `select c.oid::regclass::text as name from pg_class c where c.relnamespace = 'pgmove'::regnamespace and c.relkind = 'r'`,
  )
  const rows: string[] = []
  for (const { name } of tables) rows.push(...(await target.sql(`select t::text as row from ${name} t`)).map(({ row }) => row ?? ''))
  return rows.join('\n')
}
