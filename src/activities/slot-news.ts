import type { Database } from '../postgres/connect.ts'
import { SlotGrowth } from '../source/slot-growth.ts'
import { slotLost } from '../source/slot-lost.ts'
import { readSlotState } from '../source/slot-state.ts'
import type { SlotState } from '../source/slot-state.ts'
import { slotWarning } from '../source/slot-warning.ts'
import { slotName } from '../state/migration-ref.ts'
import type { ActivityReport } from '../workflows/status.ts'
import { PerMigration } from './per-migration.ts'

const REPORT_MS = 20_000
/** A warning that comes or goes is told sooner, but not with every look. */
const CHANGE_MS = 4_000
/** Temporal takes 10,000 signals a run: the longer this goes on, the rarer the reports; about 3,000 in a month. */
const STRETCH = 500
const KEPT = 100
/** A slot that can't be looked at for so long is told of. */
const PATIENCE_MS = 60_000

/** The part of a report that is about the slot. */
export interface SlotFigures {
  readonly slot?: NonNullable<ActivityReport['slot']>
  readonly slotWarning?: string | null
}

/** What this worker process has seen of migrations' slots: the growth is known only over several activities. */
const known = new PerMigration<SlotNews>(KEPT)

/** Of the migration `id`; `now` in milliseconds since 1970. */
export function slotNews(id: string, now: number): SlotNews {
  return known.get(id, () => new SlotNews(slotName(id), now))
}

/** What was seen of a slot, and what of it was told. Whoever reports to the workflow takes it along. */
export class SlotNews {
  readonly #growth = new SlotGrowth()
  readonly #slot: string
  readonly #since: number
  #state: SlotState | undefined
  #warning: string | null = null
  #toldAt = 0
  #toldWarning: string | null = null
  #lookedAt: number

  constructor(slot: string, now: number) {
    this.#slot = slot
    this.#since = now
    this.#lookedAt = now
  }

  get lookedAt(): number {
    return this.#lookedAt
  }

  /** False if there is no such slot. Throws `SlotLost` if it is of no use any more. */
  async look(source: Database, now: number): Promise<boolean> {
    const state = await readSlotState(source, this.#slot)
    if (!state) return false
    if (state.lost !== undefined) throw slotLost(this.#slot, `was invalidated (${state.lost})`)
    this.#state = state
    this.#lookedAt = now
    if (state.retainedBytes !== null) this.#growth.add(now, state.retainedBytes)
    this.#warning = slotWarning(this.#slot, state, this.#growth.perSecond, now)
    return true
  }

  /** The slot could not be looked at. */
  troubled(error: unknown, now: number): void {
    if (now - this.#lookedAt < PATIENCE_MS) return
    const reason = error instanceof Error ? error.message.slice(0, 300) : String(error)
    const since = new Date(this.#lookedAt).toISOString()
    this.#warning = `Slot ${this.#slot} could not be looked at since ${since}; pgmove tries again. ${reason}`
  }

  /** Whether it is time to report if nobody else does. */
  due(now: number): boolean {
    const changed = (this.#warning === null) !== (this.#toldWarning === null)
    const interval = changed ? CHANGE_MS : Math.max(REPORT_MS, (now - this.#since) / STRETCH)
    return now - this.#toldAt >= interval && (this.#state !== undefined || changed)
  }

  /** What there is to report; empty if nothing was seen. */
  take(now: number): SlotFigures {
    this.#toldAt = now
    this.#toldWarning = this.#warning
    const warning = this.#warning
    if (!this.#state) return warning === null ? {} : { slotWarning: warning }
    const { confirmedLsn, retainedBytes } = this.#state
    const figures = { confirmedLsn, retainedBytes: retainedBytes === null ? null : String(retainedBytes) }
    return { slot: { name: this.#slot, startLsn: null, appliedLsn: null, ...figures }, slotWarning: warning }
  }
}
