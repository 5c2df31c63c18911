import type { Database } from '../postgres/connect.ts'
import { applyError } from './apply-error.ts'
import type { TargetTable } from './target-table.ts'

export interface Truncation {
  readonly tables: readonly TargetTable[]
  readonly restartIdentity: boolean
  readonly commitLsn: bigint
  readonly replicaRole: boolean
}

/**
 * Empties tables as one TRUNCATE of the source did, never by CASCADE: what it cascaded to is among them, unless a copy holds
 * it already. Where TRUNCATE would be refused, the rows are deleted: nothing acts on that in replica role, and without it
 * foreign keys are checked at commit.
 */
export async function applyTruncate(target: Database, { tables, restartIdentity, commitLsn, replicaRole }: Truncation): Promise<void> {
  const refused = await withoutTruncate(target, tables, replicaRole)
  const truncated = tables.filter(({ oid }) => !refused.has(oid))
  const deleted = tables.filter(({ oid }) => refused.has(oid))
  const run = async (text: string, table: string | undefined) => {
    try {
      await target.query(text)
    } catch (error) {
      throw applyError(error, { what: 'TRUNCATE', table, commitLsn })
    }
  }
  if (truncated.length > 0) {
    const list = truncated.map(({ only }) => only).join(', ')
    await run(`truncate ${list}${restartIdentity ? ' restart identity' : ''}`, truncated[0]?.label)
  }
  for (const { only, label } of deleted) await run(`delete from ${only}`, label)
}

/**
 * TRUNCATE is refused, also in replica role, while the foreign key of a table that is not truncated with it refers to the
 * table, even from an empty one; and without replica role while checks of the table wait for the commit.
 */
async function withoutTruncate(target: Database, tables: readonly TargetTable[], replicaRole: boolean): Promise<Set<string>> {
  const rows = await target.query<{ oid: string; referring: string }>(
    `select t.oid, c.conrelid as referring
       from unnest($1::oid[]) as t (oid) join pg_constraint c on t.oid in (c.conrelid, c.confrelid)
      where c.contype = 'f' or c.condeferrable`,
    [`{${tables.map(({ oid }) => oid).join()}}`],
  )
  if (!replicaRole) return new Set(rows.map(({ oid }) => oid))
  const truncated = new Set(tables.map(({ oid }) => oid))
  const refused = new Set<string>()
  for (let before = -1; before < refused.size;) {
    before = refused.size
    for (const { oid, referring } of rows) if (oid !== referring && !truncated.has(referring)) refused.add(oid)
    for (const oid of refused) truncated.delete(oid)
  }
  return refused
}
