import { sqlState } from '../../errors/classify.ts'
import { MigrationError } from '../../errors/migration-error.ts'
import type { NameMap } from '../../mapping/name-map.ts'
import { loadParser } from '../../mapping/sql-parser.ts'
import type { Database } from '../../postgres/connect.ts'
import type { MigrationSpec } from '../../spec/migration-spec.ts'
import type { CatalogueKind, Versions } from './catalogue-kind.ts'
import { comparisonScope } from './comparison-scope.ts'
import { KindComparison } from './kind-comparison.ts'
import { CATALOGUE_KINDS } from './kinds.ts'
import type { MetadataDifference, NotCompared } from './metadata-difference.ts'
import { readKind } from './read-kind.ts'
import type { CatalogueObject } from './read-kind.ts'
import type { RenamingParts } from './target-wording.ts'
import { readTargetRoles } from './target-roles.ts'

export interface MetadataComparison {
  /** Objects that were compared, by kind. */
  readonly compared: Readonly<Record<string, number>>
  readonly differences: number
  readonly notCompared: readonly NotCompared[]
}

export interface MetadataComparisonArgs {
  readonly source: Database
  readonly target: Database
  readonly spec: Pick<MigrationSpec, 'objects' | 'exclude' | 'roles'>
  readonly map: NameMap
  /** A definition under the target's names; not called if the map changes nothing. */
  readonly rewrite: (definition: string) => string
  /** The way to have PostgreSQL itself bring a statement under the target's names; undefined where it is closed. */
  readonly byRenaming?: (statement: string) => RenamingParts | undefined
  readonly signal: AbortSignal
  /** Objects that a migration knowingly left out, as pg_dump names them: `TRIGGER "app"."orders usual"`. */
  readonly leftOut?: ReadonlySet<string>
  /** Whether standing objects that only the target has are no difference: they may have been there before. Default false. */
  readonly ignoreExtra?: boolean
  /** Whether materialized views must be filled as on the source. Default true. */
  readonly populated?: boolean
  /** Called with differences as they are found, a kind at a time. */
  readonly onDifferences: (differences: readonly MetadataDifference[]) => void | Promise<void>
  readonly onProgress?: (kind: string) => void
}

/**
 * Compares the catalogues of both sides, every attribute of every object that the spec selects, under the target's names. A kind that a
 * role may not read is told, never taken for equal. Memory holds one kind of the source at a time.
 *
 * @throws MigrationError if a connection is lost
 */
export async function compareMetadata(args: MetadataComparisonArgs): Promise<MetadataComparison> {
  const { source, target, spec, map, signal } = args
  await loadParser()
  const versions: Versions = { source: source.version, target: target.version }
  const scope = await comparisonScope(source, spec, map)
  const roles = await readTargetRoles(target, spec.roles.map)
  const context = { map, versions, ...roles, grants: spec.roles.grants === 'keep', rewrite: args.rewrite }
  const compared: Record<string, number> = {}
  const notCompared: NotCompared[] = []
  const containers = new Set<string>()
  let total = 0
  for (const kind of CATALOGUE_KINDS) {
    signal.throwIfAborted()
    args.onProgress?.(kind.kind)
    const comparison = new KindComparison({
      kind,
      scope,
      context,
      containers,
      leftOut: args.leftOut,
      ignoreExtra: args.ignoreExtra ?? false,
      populated: args.populated ?? true,
      byRenaming: args.byRenaming,
    })
    try {
      await readSide(source, kind, versions, (row) => comparison.addSource(row))
      await readSide(target, kind, versions, (row) => comparison.addTarget(row))
    } catch (error) {
      signal.throwIfAborted()
      notCompared.push({ kind: kind.kind, object: null, reason: unreadable(error) })
      continue
    }
    const differences = await comparison.finish(target)
    if (comparison.compared > 0) compared[kind.kind] = comparison.compared
    notCompared.push(...comparison.notCompared)
    total += differences.length
    if (differences.length > 0) await args.onDifferences(differences)
  }
  return { compared, differences: total, notCompared }
}

async function readSide(database: Database, kind: CatalogueKind, versions: Versions, add: (row: CatalogueObject) => void): Promise<void> {
  for await (const rows of readKind(database, kind, versions)) for (const row of rows) add(row)
}

/** The server answered, and the next kind has a chance: a missing right, a broken catalogue. Other errors go on. */
function unreadable(error: unknown): string {
  const lost = ['ConnectionLost', 'OutOfResources', 'AuthenticationFailed', 'DatabaseMissing']
  if (!(error instanceof MigrationError) || sqlState(error) === undefined || lost.includes(error.kind)) throw error
  return error.message
}
