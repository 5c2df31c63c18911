import { NameMap } from '../mapping/name-map.ts'
import type { Database } from '../postgres/connect.ts'
import type { SelectedTable } from '../source/selected-tables.ts'
import { readMigratedTables } from '../state/migrated-table.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { readMigrationRecord, updateMigrationRecord } from '../state/migration-record.ts'
import { workGroups } from './work-groups.ts'

export interface PlanCopyArgs {
  readonly target: Database
  readonly id: string
  /** As read by readSelectedTables; partitioned tables, which hold no rows, are left out here. Not looked at once there is a plan. */
  readonly tables: readonly SelectedTable[]
  /** Without it nothing is copied: there are no groups. */
  readonly full: boolean
  /** How many jobs copy at once: a table that is a large part of all gets several. Default 1. */
  readonly tableJobs?: number
  /** The migration's map. Default: every name stays. */
  readonly names?: NameMap
}

export interface CopyGroupPlan {
  readonly group: number
  readonly tables: number
  /** How many jobs copy it at once. */
  readonly jobs: number
  /** Estimated. */
  readonly bytes: string
  /** For the Web UI: the table's name, or how many tables. */
  readonly label: string
}

export interface CopyPlan {
  /** Biggest first. Groups of which every table is copied already are left out. */
  readonly groups: readonly CopyGroupPlan[]
  readonly tables: number
  readonly bytes: string
}

/** Writes down once which tables are migrated and which group copies each; later it only reads that. */
export async function planCopy({ target, id, tables, full, names = new NameMap(), tableJobs = 1 }: PlanCopyArgs): Promise<CopyPlan> {
  await target.transaction(async () => {
    await target.query(`select from pgmove.migration where id = $1 for update`, [id])
    const { copy_planned } = await readMigrationRecord(target, id)
    if (copy_planned === 't') return
    const sized = tables.filter(({ kind }) => kind === 'r').map((table) => ({ table, bytes: BigInt(table.bytes) }))
    const groups = full ? workGroups(sized) : [sized]
    const rows = groups.flatMap((group, index) => group.map(({ table }) => plannedRow(table, index, names)))
    await target.query(
      `insert into pgmove.migrated_table
         (id, source_schema, source_table, source_oid, target_schema, target_table, columns, work_group, estimated_rows, estimated_bytes, expected_bytes)
       select $1, source_schema, source_table, source_oid, target_schema, target_table, columns, work_group, estimated_rows, estimated_bytes, expected_bytes
         from json_to_recordset($2::json) as x (source_schema text, source_table text, source_oid oid, target_schema text, target_table text, columns json,
              work_group int, estimated_rows bigint, estimated_bytes bigint, expected_bytes bigint)
       on conflict (id, source_schema, source_table) do nothing`,
      [id, JSON.stringify(rows)],
    )
    // Every batch of the copy looks up its tables here: without statistics the plans are made for a handful of rows.
    await target.query('analyze pgmove.migrated_table')
    await updateMigrationRecord(target, id, { copy_planned: 't' })
  })
  const planned = await readMigratedTables(target, id)
  return {
    groups: full ? groupPlans(planned, tableJobs) : [],
    tables: planned.length,
    bytes: String(planned.reduce((sum, { estimatedBytes }) => sum + BigInt(estimatedBytes), 0n)),
  }
}

/** Cutting a smaller table gains nothing. */
const CHUNKED_BYTES = 32n * 1024n * 1024n

/** A table's share of the jobs is its share of the bytes: with less it would end last, with more it would hold others up. */
export function tableJobsOf(bytes: bigint, total: bigint, tableJobs: number): number {
  if (bytes < CHUNKED_BYTES || total === 0n) return 1
  const share = Number((bytes * BigInt(tableJobs) * 100n) / total) / 100
  return Math.max(1, Math.min(tableJobs, Math.round(share)))
}

function groupPlans(tables: readonly MigratedTable[], tableJobs: number): CopyGroupPlan[] {
  const total = tables.reduce((sum, { copiedAt, estimatedBytes }) => sum + (copiedAt === undefined ? BigInt(estimatedBytes) : 0n), 0n)
  const byGroup = new Map<number, MigratedTable[]>()
  for (const table of tables) byGroup.set(table.group, [...(byGroup.get(table.group) ?? []), table])
  return [...byGroup]
    .filter(([, members]) => members.some(({ copiedAt, indexedAt }) => copiedAt === undefined || indexedAt === undefined))
    .sort(([a], [b]) => a - b)
    .map(([group, members]) => {
      const bytes = members.reduce((sum, { estimatedBytes }) => sum + BigInt(estimatedBytes), 0n)
      const [first] = members
      const name = members.length === 1 && first ? `${first.sourceSchema}.${first.sourceTable}` : `${members.length} tables`
      const jobs = members.length === 1 && first?.copiedAt === undefined ? tableJobsOf(bytes, total, tableJobs) : 1
      return { group, tables: members.length, jobs, bytes: String(bytes), label: `${name}, ${size(bytes)}` }
    })
}

function size(bytes: bigint): string {
  const mebibytes = Number(bytes / 1024n) / 1024
  return mebibytes >= 1024 ? `${(mebibytes / 1024).toFixed(1)} GB` : `${mebibytes.toFixed(mebibytes < 10 ? 1 : 0)} MB`
}

function plannedRow(table: SelectedTable, group: number, names: NameMap): Readonly<Record<string, unknown>> {
  const target = names.relation(table)
  const columns = names.columns(table)
  return {
    source_schema: table.schema,
    source_table: table.name,
    source_oid: table.oid,
    target_schema: target.schema,
    target_table: target.name,
    columns: columns === undefined ? undefined : [...columns],
    work_group: group,
    estimated_rows: table.estimatedRows,
    estimated_bytes: table.bytes,
    expected_bytes: table.expectedBytes,
  }
}
