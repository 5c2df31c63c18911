import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { publicationName } from '../state/migration-ref.ts'
import type { SourceName } from '../state/table-resolution.ts'
import { readUnpublished } from './publication.ts'
import { retryOnLock } from './retry-on-lock.ts'
import { readSelectedTables } from './selected-tables.ts'
import { needsTruncateLog } from './source-schema.ts'

/**
 * Sees to it that a table that came after the migration's begin is published, before it is copied: under a lock that no writer shares, so
 * that whoever wrote to it before has ended and is seen by the copy, and all later changes are streamed (HANDOFF.md R5). Holds writers up
 * for 2 s at most, again and again until it has the lock. Does nothing for a table that is published.
 *
 * @throws MigrationError `UnsupportedDdl` if its UPDATE and DELETE would be refused once it is published, or its changes would not be whole
 */
export async function joinPublication(
  source: Database,
  { id, spec, table, signal }: { id: string; spec: Pick<MigrationSpec, 'objects' | 'exclude'>; table: SourceName; signal: AbortSignal },
): Promise<void> {
  const found = (await readSelectedTables(source, spec)).find(({ schema, name }) => schema === table.schema && name === table.table)
  if (!found) return
  const publication = publicationName(id)
  const isMissing = async (): Promise<boolean> => (await readUnpublished(source, publication, [found.oid])).length > 0
  if (!(await isMissing())) return
  const name = qualified(table.schema, table.table)
  const refuse = (reason: string, remedy: string): MigrationError => {
    const text = `On the source: ${name} came after the migration's begin and ${reason}, so that its changes can't be streamed. Its copy waits. ${remedy}`
    return new MigrationError('UnsupportedDdl', text, { side: 'source', table: name, sourceTable: table, hint: remedy })
  }
  if (!found.usableIdentity && found.identity !== 'f') {
    throw refuse('has no replica identity', 'Give it a primary key, then send the signal resume, or leave the table out.')
  }
  if (found.partitionOf) throw refuse('is a partition of a table that is not published', 'Leave it out.')
  if (needsTruncateLog(source.version)) throw refuse('a TRUNCATE of it is not in the stream of this version', 'Leave it out.')
  await retryOnLock(signal, () =>
    source.transaction(async () => {
      await source.query(`set local lock_timeout = '2s'; lock table ${name} in share row exclusive mode`)
      if (await isMissing()) await source.query(`alter publication ${ident(publication)} add table only ${name}`)
    }),
  )
}
