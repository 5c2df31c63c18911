import type { RecordedMigration } from './recorded-migration.ts'
import type { WorkflowState } from './workflow-state.ts'

/** Whether what a migration has left is removed. `proof` tells what has to hold still when it is. */
export type Verdict =
  | { readonly remove: true; readonly proof: 'closed' | 'idle'; readonly reason: string }
  | { readonly remove: false; readonly reason: string }

export interface Rules {
  readonly olderThanMs: number
  /** A person has consented to remove what other Temporal namespaces have left. */
  readonly foreignToo: boolean
}

/** The rules of the contract: only what is proven to be over is removed. `foreign`: of another Temporal namespace. */
export function verdict(migration: RecordedMigration, state: WorkflowState | 'foreign', { olderThanMs, foreignToo }: Rules): Verdict {
  if (state === 'closed') return { remove: true, proof: 'closed', reason: 'Its workflow is closed.' }
  if (state === 'open') return { remove: false, reason: 'Its workflow is open.' }
  const whose =
    state === 'unknown'
      ? 'Temporal does not know its workflow (any more)'
      : `It belongs to another Temporal namespace (UUID ${migration.namespaceId})`
  if (state === 'foreign' && !foreignToo) {
    return {
      remove: false,
      reason: `${whose}. Only cleanUpSlots with both "sources" and "olderThan" removes it, if it has stood still that long.`,
    }
  }
  if (migration.active) return { remove: false, reason: `${whose}, but its slot is in use, or a session of it is open.` }
  const idle = `its heartbeat has not moved for ${hours(migration.idleMs)} h`
  if (migration.idleMs < olderThanMs) {
    return { remove: false, reason: `${whose}, and ${idle}, but it is removed only after ${hours(olderThanMs)} h.` }
  }
  return { remove: true, proof: 'idle', reason: `${whose}, and ${idle}.` }
}

function hours(ms: number): string {
  return String(Math.floor(ms / 360_000) / 10)
}
