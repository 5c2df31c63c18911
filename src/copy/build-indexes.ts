import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import { independentEntries } from '../schema/restore-indexes.ts'
import { restoreInBatches, restoreOneByOne, runDefinitions } from '../schema/restore-entries.ts'
import { splitConstraint } from '../schema/split-constraint.ts'
import { lockRemaining, readRemaining, readRemainingEntry } from '../schema/stored-entry.ts'
import type { StoredEntry } from '../schema/stored-entry.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import type { CopyStep } from './copy-step.ts'
import { targetShapes } from './copy-tables.ts'

/** One index of a big table, built by a job of its own. */
export interface IndexJob {
  /** pgmove.entry.dump_id */
  readonly entry: number
  readonly label: string
}

export interface BuildIndexesArgs {
  readonly target: Database
  readonly id: string
  readonly signal: AbortSignal
  /** Told of steps, and waited for. */
  readonly onStep?: (step: CopyStep) => Promise<void> | void
}

/** The indexes of a table that can be built at the same time, if there are several. */
export async function indexJobs(target: Database, id: string, table: MigratedTable): Promise<IndexJob[]> {
  const ready = await entriesOf({ target, id }, [table])
  const inside = new Set(ready.map(({ dumpId }) => dumpId))
  const heads = ready.filter(
    ({ kind, dependencies }) => (kind === 'INDEX' || kind === 'CONSTRAINT') && !dependencies.some((needs) => inside.has(needs)),
  )
  return heads.length < 2 ? [] : heads.map(({ dumpId, name }) => ({ entry: dumpId, label: name }))
}

/**
 * Builds one index. That of a constraint is built as an index, beside the table's others, and becomes the constraint in finishIndexes:
 * ALTER TABLE would lock the others out.
 */
export async function buildIndex({ target, id, signal, onStep }: BuildIndexesArgs, entryId: number): Promise<void> {
  const entry = await readRemainingEntry(target, id, entryId)
  if (!entry) return
  if (entry.kind !== 'CONSTRAINT') {
    await restoreOneByOne([entry], { target, id, signal })
    return
  }
  const split = await splitConstraint(entry.definition)
  if (!split) return
  try {
    await target.transaction(async () => {
      const [remaining] = await lockRemaining(target, id, [entry])
      if (!remaining || (await isBuilt(target, id, entry, split.name))) return
      await target.query(split.index)
      await target.query('insert into pgmove.built_index (id, dump_id) values ($1, $2) on conflict (id, dump_id) do nothing', [
        id,
        String(entryId),
      ])
    })
    await onStep?.('index built')
  } catch (error) {
    // Rows that break the constraint: finishIndexes makes it in one step, and its error names what stands in the way.
    if (!(error instanceof MigrationError) || error.kind !== 'RejectedByTarget') throw named(error, `index ${split.name}`, entry.table)
  }
}

/** Makes what is left of the tables' indexes and constraints, and collects the statistics that the planner needs. */
export async function finishIndexes(args: BuildIndexesArgs, tables: readonly MigratedTable[], schema: boolean): Promise<void> {
  const { target, signal } = args
  const [first, ...others] = tables
  // Also of several: one of them may have been alone when its indexes were built.
  const restore = (database: Database, entry: StoredEntry) => restoreEntry(database, args.id, entry)
  if (schema && first && others.length === 0) {
    await restoreOneByOne(await entriesOf(args, [first]), args, restore)
  } else if (schema) {
    await restoreInBatches(await entriesOf(args, tables), args, restore)
  }
  signal.throwIfAborted()
  await args.onStep?.('indexes finished')
  await targetShapes(target, tables)
  try {
    await analyze(target, tables)
  } catch (error) {
    throw named(error, 'statistics', first && others.length === 0 ? { schema: first.targetSchema, name: first.targetTable } : null)
  }
}

/** What the server says of its own accord names no table. */
function named(error: unknown, what: string, table: StoredEntry['table']): unknown {
  if (!(error instanceof MigrationError) || error.kind === 'ConnectionLost' || error.table !== undefined) return error
  const { kind, side, hint, message } = error
  const name = table ? qualified(table.schema, table.name) : undefined
  const text = `On the target: ${what}${name === undefined ? '' : ` of ${name}`} could not be made: ${message.replace(/^On the target: /, '')}. What was made before stays.`
  return new MigrationError(kind, text, { side, table: name, hint, cause: error })
}

async function entriesOf(args: Pick<BuildIndexesArgs, 'target' | 'id'>, tables: readonly MigratedTable[]): Promise<StoredEntry[]> {
  const names = tables.map(({ targetSchema: schema, targetTable: name }) => ({ schema, name }))
  return independentEntries(await readRemaining(args.target, args.id, 'index', names), args)
}

async function restoreEntry(target: Database, id: string, entry: StoredEntry): Promise<void> {
  const split = entry.kind === 'CONSTRAINT' ? await splitConstraint(entry.definition) : undefined
  const built = split !== undefined && (await isBuilt(target, id, entry, split.name))
  await runDefinitions(target, [built ? { ...entry, definition: split.attach } : entry])
}

/** Whether the index of a constraint stands and is valid, and is no constraint yet. */
async function isBuilt(target: Database, id: string, { dumpId, table }: StoredEntry, name: string): Promise<boolean> {
  const [row] = await target.query(
    `select from pgmove.built_index b
       join pg_class t on t.oid = to_regclass($3)
       join pg_index i on i.indrelid = t.oid and i.indisvalid and i.indisunique
       join pg_class x on x.oid = i.indexrelid and x.relname = $4
      where b.id = $1 and b.dump_id = $2 and not exists (select from pg_constraint c where c.conindid = x.oid and c.contype in ('p', 'u'))`,
    [id, String(dumpId), table ? qualified(table.schema, table.name) : null, name],
  )
  return row !== undefined
}

/** Several tables in one ANALYZE came with 11. */
async function analyze(target: Database, tables: readonly MigratedTable[]): Promise<void> {
  const names = tables.map(({ targetSchema, targetTable }) => qualified(targetSchema, targetTable))
  if (names.length === 0) return
  if (target.version >= 110000) await target.query(`analyze ${names.join(', ')}`)
  else for (const name of names) await target.query(`analyze ${name}`)
}
