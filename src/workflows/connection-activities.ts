import type { ConnectionSpec } from '../spec/migration-spec.ts'

/** One step of a connection test. */
export interface DiagnosisItem {
  /** Stable name of the step. */
  readonly check: string
  /** `Warning`: a migration may run, but look at it first. */
  readonly status: 'Passed' | 'Warning' | 'Failed'
  /** What there is. */
  readonly found: string
  /** The exact statement or line where there is one; empty if there is nothing to do. */
  readonly fix: string
}

/** What a connection test found on one side: Failed if any step is. Steps behind one that nothing can follow are left out. */
export interface ConnectionDiagnosis {
  /** `Failed` if any step is. */
  readonly status: 'Passed' | 'Failed'
  /** The steps in their order. */
  readonly diagnosis: readonly DiagnosisItem[]
}

/** The activities of testConnection. */
export interface ConnectionActivities {
  /** Tries a connection step by step and changes nothing on the server. */
  diagnoseConnection(input: { readonly side: 'source' | 'target'; readonly connection: ConnectionSpec }): Promise<ConnectionDiagnosis>
}
