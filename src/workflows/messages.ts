import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow'
import type { ActivityReport, Status } from './status.ts'

/** What a user sends to a migration (contract §4). Arguments are checked by the handlers: a user can send anything. */
export const signals = {
  cutover: defineSignal<[unknown?]>('cutover'),
  abortCutover: defineSignal('abortCutover'),
  pause: defineSignal('pause'),
  resume: defineSignal('resume'),
  resolve: defineSignal<[unknown?]>('resolve'),
  setTransferRate: defineSignal<[unknown?]>('setTransferRate'),
  rerunPrecheck: defineSignal<[unknown?]>('rerunPrecheck'),
} as const

export const updates = {
  cutover: defineUpdate<{ remainingBytes: string | null; undelayed: boolean }, [unknown?]>('cutover'),
  abortCutover: defineUpdate<void>('abortCutover'),
  pause: defineUpdate<void>('pause'),
  resume: defineUpdate<void>('resume'),
  resolve: defineUpdate<void, [unknown?]>('resolve'),
  setTransferRate: defineUpdate<void, [unknown?]>('setTransferRate'),
  rerunPrecheck: defineUpdate<void, [unknown?]>('rerunPrecheck'),
} as const

export const statusQuery = defineQuery<Status>('status')

/** Sent by pgmove's own activities. */
export const reportSignal = defineSignal<[ActivityReport]>('report')
