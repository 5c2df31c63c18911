import type { z } from 'zod'
import type { connectionSchema, specSchema } from './spec-schema.ts'

/** The spec as the user writes it, checked, its defaults filled in. */
export type SpecDocument = z.output<typeof specSchema>

/** Where a database is: `{url, password?}`, or `{env}` or `{file}` whose content is a whole URL. */
export type ConnectionSpec = z.output<typeof connectionSchema>

/** Where a secret is found on the worker. */
export type SecretReference = { readonly env: string } | { readonly file: string }

export type MigrationType = 'schema' | 'full' | 'incremental'
export type Fence = SpecDocument['cutover']['fence']
export type CutoverValidation = SpecDocument['cutover']['validate']
export type ObjectEntry = SpecDocument['objects'] extends (infer Entry)[] | undefined ? Entry : never
export type ExcludeEntry = SpecDocument['exclude'][number]

/** The spec in its normal form: every default filled in, durations in milliseconds; JSON through and through. */
export interface MigrationSpec {
  readonly name: string | null
  readonly source: ConnectionSpec
  readonly target: ConnectionSpec
  /** Each at most once, in the order of work: schema, full, incremental. */
  readonly types: readonly MigrationType[]
  /** Null means every user schema, also those created during the migration. */
  readonly objects: readonly ObjectEntry[] | null
  readonly exclude: readonly ExcludeEntry[]
  readonly existing: 'refuse' | 'replace'
  readonly roles: { readonly map: Readonly<Record<string, string>>; readonly grants: 'keep' | 'drop' }
  readonly reconnectWindowMs: number
  readonly transferRate: { readonly megabytesPerSecond: number | null; readonly rowsPerSecond: number | null }
  readonly copy: { readonly tableJobs: number; readonly indexJobs: number }
  readonly ddl: 'capture' | 'pause'
  readonly lag: { readonly heartbeatMs: number; readonly undelayedMs: number }
  readonly precheck: { readonly wait: boolean }
  /** True ignores every Warning; a list ignores those items. */
  readonly ignoreWarnings: boolean | readonly string[]
  readonly cutover: { readonly fence: Fence; readonly validate: CutoverValidation }
}
