import type { ManagedService } from '../../diagnosis/managed-service.ts'
import type { ConnectionSpec, SpecDocument } from '../../spec/migration-spec.ts'
import { bytesText, countText } from '../amounts.ts'
import { plural } from '../views/plural.ts'

export interface SourceTable {
  /** Quoted where PostgreSQL would quote it. */
  readonly name: string
  /** Without indexes. */
  readonly bytes: string
  /** Estimated. */
  readonly rows: string
  /** Permanent: unlogged tables are never streamed. */
  readonly streamed: boolean
  readonly usableIdentity: boolean
  /** Has a virtual generated column. */
  readonly virtualColumn: boolean
}

/** What a spec depends on, as the source has it. */
export interface SourceFacts {
  readonly database: string
  /** As the server tells it, such as `13.23`. */
  readonly version: string
  readonly service: ManagedService | undefined
  readonly superuser: boolean
  readonly standby: boolean
  readonly walLevel: string
  /** What makes it `logical`. */
  readonly walLevelFix: string
  /** Those that hold rows. */
  readonly tables: readonly SourceTable[]
}

export interface ProposedSpec {
  /** What is written. */
  readonly document: Partial<SpecDocument>
  /** What was found, a line each. */
  readonly found: readonly string[]
  /** What a person should know or do, a paragraph each. */
  readonly notes: readonly string[]
}

/** From this much on the copy gains by more sessions than the default. */
const LARGE_BYTES = 100e9
/** A single table worth a line of its own. */
const LARGE_TABLE_BYTES = 10e9
const SHOWN = 10

/** The spec that fits a source, and why. */
export function proposedSpec(
  { name, source, target, schema }: { name: string; source: ConnectionSpec; target: ConnectionSpec; schema: string | undefined },
  facts: SourceFacts,
): ProposedSpec {
  const { superuser, service, walLevel, standby, tables } = facts
  const bytes = tables.reduce((sum, table) => sum + Number(table.bytes), 0)
  const incremental = walLevel === 'logical' && !standby
  const ddl = incremental && !superuser && service === undefined
  return {
    document: {
      ...(schema === undefined ? {} : { $schema: schema }),
      name,
      source,
      target,
      types: incremental ? ['schema', 'full', 'incremental'] : ['schema', 'full'],
      ...(bytes >= LARGE_BYTES ? { copy: { tableJobs: 8, indexJobs: 4 } } : {}),
      ...(ddl ? { ddl: 'pause' as const } : {}),
    },
    found: foundLines(facts, bytes),
    notes: [
      ...(incremental ? [] : [notIncremental(facts)]),
      ...(incremental ? withoutKey(tables) : []),
      ...(ddl
        ? ['The role is no superuser, so it may not create event triggers: "ddl" is "pause", and DDL on the source waits for you.']
        : []),
      ...(bytes >= LARGE_BYTES
        ? [
            `It is large, so "copy" has 8 table jobs and 4 index jobs. Each takes a session and a core on both sides: lower them if there are fewer.`,
          ]
        : []),
    ],
  }
}

function foundLines({ database, version, service, tables }: SourceFacts, bytes: number): string[] {
  const where = service === undefined ? '' : ` on ${service}`
  const bySize = [...tables].sort((a, b) => Number(b.bytes) - Number(a.bytes))
  const large = bySize.filter((table, index) => index < 3 || Number(table.bytes) >= LARGE_TABLE_BYTES).slice(0, SHOWN)
  const lines = large.map((table) => `  ${table.name}: ${bytesText(table.bytes)}, about ${countText(table.rows)} rows`)
  return [
    `The source is PostgreSQL ${version}${where}, database ${database}: ${plural(tables.length, 'table')}, ${bytesText(bytes)} without indexes.`,
    ...(lines.length === 0 ? [] : ['Largest:', ...lines]),
  ]
}

function notIncremental({ standby, walLevel, walLevelFix }: SourceFacts): string {
  const without = 'so the spec has only "schema" and "full": one copy, for which the application must not write.'
  if (standby) return `The source is a standby, which has no incremental replication, ${without} For seconds of downtime name its primary.`
  return `wal_level is ${walLevel}, ${without} For seconds of downtime: ${walLevelFix} Then add "incremental" to "types", or run pgmove init again.`
}

function withoutKey(tables: readonly SourceTable[]): string[] {
  const all = tables.filter(({ streamed, usableIdentity }) => streamed && !usableIdentity)
  const refused = all.filter(({ virtualColumn }) => virtualColumn)
  const rest = all.filter(({ virtualColumn }) => !virtualColumn)
  return [
    ...(refused.length === 0
      ? []
      : [
          `No key and a virtual generated column: ${named(refused)}. Their changes can't be streamed: give them a primary key, or exclude them.`,
        ]),
    ...(rest.length === 0
      ? []
      : [
          `No key by which a change names its row: ${named(rest)}. Give them a primary key; or accept the warning with "ignoreWarnings": ["replica_identity"], and pgmove sets replica identity FULL on the source until the end.`,
        ]),
  ]
}

function named(tables: readonly SourceTable[]): string {
  const names = tables.slice(0, SHOWN).map(({ name }) => name)
  return `${names.join(', ')}${tables.length > SHOWN ? ` and ${countText(tables.length - SHOWN)} more` : ''}`
}
