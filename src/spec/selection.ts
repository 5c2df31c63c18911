import type { MigrationSpec } from './migration-spec.ts'
import { matchesPattern } from './name-pattern.ts'

type Selection = Pick<MigrationSpec, 'objects' | 'exclude'>

/** Schemas that are never migrated: PostgreSQL's own and pgmove's. A user can't create a schema that begins with `pg_`. */
export function isReservedSchema(schema: string): boolean {
  return schema === 'pgmove' || schema === 'information_schema' || schema.startsWith('pg_')
}

/** Whether a table is migrated: `exclude` wins, then a table entry, then its schema's entry; without `objects`, every user schema. */
export function selects(spec: Selection, schema: string, table: string): boolean {
  if (isReservedSchema(schema)) return false
  const excluded = spec.exclude.some(
    (entry) => matchesPattern(entry.schema, schema) && (entry.table === undefined || matchesPattern(entry.table, table)),
  )
  if (excluded) return false
  if (spec.objects === null) return true
  return spec.objects.some((entry) => entry.schema === schema && (entry.table === undefined || matchesPattern(entry.table, table)))
}

/**
 * What of a schema is migrated: `whole` its objects of every kind (single tables may still be excluded), `tables` only
 * tables that entries name, `no` nothing.
 */
export function selectsSchema(spec: Selection, schema: string): 'whole' | 'tables' | 'no' {
  if (isReservedSchema(schema)) return 'no'
  if (spec.exclude.some((entry) => entry.table === undefined && matchesPattern(entry.schema, schema))) return 'no'
  if (spec.objects === null) return 'whole'
  const entries = spec.objects.filter((entry) => entry.schema === schema)
  if (entries.some((entry) => entry.table === undefined)) return 'whole'
  return entries.length > 0 ? 'tables' : 'no'
}
