import { setTimeout as delay } from 'node:timers/promises'
import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { beatUnlessFresh, HEARTBEAT_SETTINGS } from '../source/heartbeat.ts'
import { slotLost } from '../source/slot-lost.ts'
import { slotName } from '../state/migration-ref.ts'
import type { ActivityRun } from './activity-run.ts'
import { slotNews } from './slot-news.ts'
import type { SlotNews } from './slot-news.ts'

const LOOK_MS = 5_000
const RETRY_MS = 5_000
/** An activity that is over sooner needs no session of its own for this. */
const FIRST_LOOK_MS = 1_000

/** Where the watches of this worker process are found: activities of a migration that run at once share one. */
const watches = new Map<string, SlotWatch>()

/** Told when the slot is lost, with the error that ends the migration. */
export type OnSlotLost = (error: MigrationError) => void

/**
 * Looks after the slot while nothing streams from it: writes the heartbeat, measures what is retained, warns, and tells at once
 * if the slot is lost. Does nothing as long as the slot is not there yet. A source that can't be reached fails nothing here:
 * that is judged by those who need it. To be stopped by calling the result.
 */
export function watchSlot(run: ActivityRun, onLost: OnSlotLost): () => Promise<void> {
  let watch = watches.get(run.id)
  if (!watch) {
    watch = new SlotWatch(run, () => watches.delete(run.id))
    watches.set(run.id, watch)
  }
  return watch.add(run, onLost)
}

class SlotWatch {
  readonly #news: SlotNews
  readonly #connect: (signal: AbortSignal) => Promise<Database>
  readonly #heartbeatMs: number
  readonly #id: string
  readonly #now: () => number
  readonly #onEmpty: () => void
  readonly #users = new Map<ActivityRun, OnSlotLost>()
  readonly #abort = new AbortController()
  readonly #working: Promise<void>
  #lookAt: number
  #lost: MigrationError | undefined

  constructor(run: ActivityRun, onEmpty: () => void) {
    this.#id = run.id
    this.#now = run.services.now
    this.#news = slotNews(run.id, this.#now())
    this.#heartbeatMs = run.spec.lag.heartbeatMs
    this.#onEmpty = onEmpty
    // Several workers may watch: none ends the other's session.
    const applicationName = run.applicationName('watch slot')
    this.#connect = (signal) => run.open('source', { applicationName, lockTimeoutMs: 2000, settings: HEARTBEAT_SETTINGS, signal })
    this.#lookAt = Math.min(this.#now() + FIRST_LOOK_MS, this.#news.lookedAt + LOOK_MS)
    this.#working = this.#work()
  }

  add(run: ActivityRun, onLost: OnSlotLost): () => Promise<void> {
    this.#users.set(run, onLost)
    if (this.#lost) onLost(this.#lost)
    return async () => {
      this.#users.delete(run)
      if (this.#users.size > 0) return
      this.#onEmpty()
      this.#abort.abort()
      await this.#working
    }
  }

  async #work(): Promise<void> {
    const { signal } = this.#abort
    await this.#pause(this.#lookAt - this.#now())
    while (!signal.aborted && !this.#lost) {
      let source: Database | undefined
      try {
        source = await this.#connect(signal)
        while (!signal.aborted && (await this.#look(source))) await this.#beats(source)
        return
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof MigrationError && error.kind === 'SlotLost') return this.#fail(error)
        this.#news.troubled(error, this.#now())
        this.#tell()
      } finally {
        await source?.close()
      }
      await this.#pause(RETRY_MS)
    }
  }

  /** Until it is time to look again. */
  async #beats(source: Database): Promise<void> {
    this.#lookAt = this.#now() + LOOK_MS
    while (!this.#abort.signal.aborted && this.#now() < this.#lookAt) {
      try {
        await beatUnlessFresh(source, this.#id, this.#heartbeatMs)
      } catch (error) {
        // Somebody's lock, say: the slot can be looked at all the same.
        if (error instanceof MigrationError && error.kind === 'ConnectionLost') throw error
      }
      await this.#pause(Math.min(this.#heartbeatMs, LOOK_MS))
    }
  }

  /** False if there is nothing to look after any more. */
  async #look(source: Database): Promise<boolean> {
    if (!(await this.#news.look(source, this.#now()))) {
      const slot = slotName(this.#id)
      if (await isExpected(source, this.#id)) this.#fail(slotLost(slot, 'is not there any more'))
      return false
    }
    this.#tell()
    return true
  }

  /** Not waited for: while Temporal is away, the slot is looked after all the same. */
  #tell(): void {
    const [user] = this.#users.keys()
    if (user && this.#news.due(this.#now())) void user.report(this.#news.take(this.#now()))
  }

  #fail(error: MigrationError): void {
    this.#lost = error
    for (const onLost of this.#users.values()) onLost(error)
  }

  async #pause(ms: number): Promise<void> {
    await delay(Math.max(0, ms), undefined, { signal: this.#abort.signal }).catch(() => undefined)
  }
}

/** Whether a slot that is not there should be: it was recorded before it was made, and a standby knows nothing of it. */
async function isExpected(source: Database, id: string): Promise<boolean> {
  const [place] = await source.query<{ here: string; standby: string }>(
    `select to_regclass('pgmove.installed') is not null as here, pg_is_in_recovery() as standby`,
  )
  if (place?.here !== 't' || place.standby === 't') return false
  return (await source.query(`select from pgmove.installed where id = $1 and kind = 'slot'`, [id])).length > 0
}
