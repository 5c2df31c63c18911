import type { ConnectionSpec } from '../spec/migration-spec.ts'
import type { CleanUpArgument } from '../spec/clean-up-argument.ts'
import type { KeptOnSource, RemovedFromSource } from './clean-up-result.ts'

export type SourceCleanUp = Pick<CleanUpArgument, 'olderThanMs' | 'foreignToo' | 'dryRun'> & { readonly source: ConnectionSpec }

/** What was found on one source. */
export interface CleanedSource {
  readonly removed: readonly RemovedFromSource[]
  readonly kept: readonly KeptOnSource[]
  /** Nothing that pgmove has recorded is left there. */
  readonly clean: boolean
}

/** The activities of cleanUpSlots. Each may be killed at any instruction, run again, or run twice at once. */
export interface CleanUpActivities {
  /** The sources of the migrations on this task queue that Temporal knows, open and closed, with those of `remembered`, each once. */
  findSources(input: { readonly remembered: unknown }): Promise<{ readonly sources: readonly ConnectionSpec[] }>
  /** Removes from one source what migrations that are over have left there. */
  cleanUpSource(input: SourceCleanUp): Promise<CleanedSource>
}
