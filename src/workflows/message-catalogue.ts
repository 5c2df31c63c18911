import type { signals } from './messages.ts'

/** What one message does, for Temporal's Web UI and the reference. */
export interface MessageMeaning {
  readonly description: string
  /** Its argument, for the reference; absent: none. */
  readonly argument?: string
  /** An argument as JSON. */
  readonly example?: string
  /** What the update answers; absent: nothing. */
  readonly answer?: string
}

/** Every signal of a migration; updates have the same names, and do the same. */
export const MESSAGES = {
  cutover: {
    description: 'Ends incremental replication by a clean cutover. Sent early, it waits until replication is undelayed.',
    argument:
      "Nothing, or an object with `fence`: `none` or `readOnly`. Without it, the spec's `cutover.fence`. A cutover that is under way goes on as it began.",
    example: '{"fence": "readOnly"}',
    answer:
      'An object with `remainingBytes`, the WAL that is not applied yet (a string, null while it is not known), and `undelayed`: whether the cutover begins at once.',
  },
  abortCutover: { description: 'Stops a cutover that has not released the source yet; replication goes on.' },
  pause: { description: 'Stops moving data; nothing is lost or copied again.' },
  resume: { description: 'Goes on after a pause, and tries again whatever waits.' },
  resolve: {
    description: 'Answers an error of one table that waits: {"schema", "table", "action": "retry" | "copyAgain" | "leaveOut"}.',
    argument:
      'An object with `schema` and `table`, the name on the source, and `action`: `retry` after it was mended by hand, `copyAgain`, or `leaveOut`. `copyAgain` also takes a table back that was left out.',
    example: '{"schema": "public", "table": "orders", "action": "copyAgain"}',
  },
  setTransferRate: {
    description: 'Limits the copy, over all workers together; null lifts a limit.',
    argument:
      'An object with `megabytesPerSecond` (1,000,000 bytes each), `rowsPerSecond`, or both: a number above 0, or null. What is not named stays as it is.',
    example: '{"megabytesPerSecond": 20, "rowsPerSecond": null}',
  },
  rerunPrecheck: {
    description: 'Runs a precheck that waits again; {"ignoreWarnings": true | [names]} accepts its warnings.',
    argument: 'Nothing, or an object with `ignoreWarnings`: true, or the names of items, in addition to those of the spec.',
    example: '{"ignoreWarnings": ["replica_identity"]}',
  },
} as const satisfies Readonly<Record<keyof typeof signals, MessageMeaning>>

/** What the query `status` answers. */
export const STATUS_DESCRIPTION = 'Phase, state, progress, lag, warnings and errors of the migration.'
