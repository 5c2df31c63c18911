import { setTimeout as pause } from 'node:timers/promises'
import { openSession } from '../demo/session.ts'
import type { Session } from '../demo/session.ts'
import { formatLsn, parseLsn } from '../src/postgres/lsn.ts'

const EVERY_MS = 100

/** How far the slot has been confirmed. */
const CONFIRMED = `select confirmed_flush_lsn as lsn from pg_replication_slots
  where database = current_database() and plugin = 'pgoutput' and confirmed_flush_lsn is not null`
/**
 * What the target holds: from the position at which the slot was made on, the progress. A commit that isn't flushed yet shows one too, and a
 * crash takes it away: then the next sample is lower.
 */
const DURABLE = `select greatest(confirmed_lsn, consistent_point) as lsn, pg_postmaster_start_time() as started
  from pgmove.progress join pgmove.migration using (id) where slot is not null`

/**
 * Samples, past the ways that are disturbed, that the source's slot has never been confirmed above the progress on the target, and that
 * the progress never goes back while the target runs.
 */
export class PositionSampler {
  readonly #urls: { readonly source: string; readonly target: string }
  readonly #sampling: Promise<void>
  readonly #violations: string[] = []
  #samples = 0
  #failure = 'there was nothing to compare'
  #ended = false

  constructor(urls: { readonly source: string; readonly target: string }) {
    this.#urls = urls
    this.#sampling = this.#run()
  }

  /** Comparisons that were made. */
  get samples(): number {
    return this.#samples
  }

  /** Ends; resolves to what was found wrong. Idempotent. */
  async stop(): Promise<readonly string[]> {
    this.#ended = true
    await this.#sampling
    return this.#samples > 0 ? this.#violations : [`not one sample could be taken: ${this.#failure}`]
  }

  async #run(): Promise<void> {
    let sessions: readonly [Session, Session] | undefined
    let before = { lsn: 0n, started: '' }
    while (!this.#ended) {
      try {
        sessions ??= [await openSession(this.#urls.source, 'soak'), await openSession(this.#urls.target, 'soak')]
        before = await this.#sample(sessions[0], sessions[1], before)
      } catch (error) {
        // A server is away, or nothing is prepared yet.
        this.#failure = (error as Error).message
        for (const session of sessions ?? []) await session.close()
        sessions = undefined
      }
      await pause(EVERY_MS)
    }
    for (const session of sessions ?? []) await session.close()
  }

  async #sample(source: Session, target: Session, before: { lsn: bigint; started: string }): Promise<typeof before> {
    const [slot] = await source.query(CONFIRMED)
    if (!slot?.['lsn']) return before
    const confirmed = parseLsn(slot['lsn'])
    // Read after the slot: it may only have grown meanwhile.
    const [progress] = await target.query(DURABLE)
    if (!progress?.['lsn']) return before
    const now = { lsn: parseLsn(progress['lsn']), started: progress['started'] ?? '' }
    this.#samples++
    if (confirmed > now.lsn) {
      this.#violations.push(`the slot was confirmed at ${formatLsn(confirmed)} and the target's progress was ${formatLsn(now.lsn)}`)
    }
    if (now.started === before.started && now.lsn < before.lsn) {
      this.#violations.push(`the target's progress went back from ${formatLsn(before.lsn)} to ${formatLsn(now.lsn)}`)
    }
    return now
  }
}
