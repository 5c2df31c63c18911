import { setTimeout as pause } from 'node:timers/promises'
import { Client, Connection } from '@temporalio/client'
import type { WorkflowHandle } from '@temporalio/client'
import type { MigrationReport } from '../src/workflows/migration-report.ts'
import type { Status } from '../src/workflows/status.ts'

const RETRY_MS = 500
const LOOK_MS = 1000
const GOODBYE_MS = 2000
/** What the operator's own steps lead to: an aborted cutover under load, a signal that came too late. */
const EXPECTED_ERRORS: readonly string[] = ['FenceLeaked', 'NotNow']
const EXPECTED_MESSAGE = /^The copy is over;/

/** Sends what a user sends to a migration, as often as it takes, and watches it. */
export class Operator {
  readonly #handle: WorkflowHandle
  readonly #told = new Set<string>()
  #ended = false
  #watching: Promise<void> | undefined

  private constructor(handle: WorkflowHandle) {
    this.#handle = handle
  }

  /** Starts the migration. Temporal has to be there. */
  static async start(address: string, spec: Record<string, unknown>): Promise<Operator> {
    const client = new Client({ connection: await Connection.connect({ address }) })
    return new Operator(await client.workflow.start('migrateDatabase', { taskQueue: 'pgmove', workflowId: 'soak', args: [spec] }))
  }

  /** The last answer of the migration's query `status`. */
  last: Status | undefined

  /**
   * Asks for the status all the time.
   *
   * @param onFault told once of each error that no step explains
   * @param onChange told where the migration stands, whenever its phase or state has changed
   */
  watch(onFault: (what: string) => void, onChange: (now: string) => void): void {
    this.#watching = this.#look(onFault, onChange)
  }

  /** Resolves when Temporal has taken the signal, however long it is away. */
  async signal(name: string, argument?: unknown): Promise<void> {
    while (!this.#ended) {
      try {
        return await this.#handle.signal(name, ...(argument === undefined ? [] : [argument]))
      } catch (error) {
        // A migration that has ended takes no signal.
        if (/NotFound|already completed/.test(`${(error as Error).name} ${(error as Error).message}`)) return
        await pause(RETRY_MS)
      }
    }
  }

  /** Waits until the status is as wanted; throws after `seconds`, or as soon as the migration has ended. */
  async reach(what: string, seconds: number, done: (status: Status) => boolean): Promise<Status> {
    const deadline = Date.now() + seconds * 1000
    const since = this.last
    for (;;) {
      const { last } = this
      if (last && last !== since && done(last)) return last
      if (await this.hasEnded()) throw new Error(`${what}: the migration has ended`)
      if (Date.now() > deadline) throw new Error(`${what}: not within ${seconds} s; last status: ${described(last)}`)
      await pause(LOOK_MS)
    }
  }

  /** Whether the migration is over; false as long as Temporal doesn't say so. */
  async hasEnded(): Promise<boolean> {
    return this.#handle.describe().then(
      ({ status }) => status.name !== 'RUNNING',
      () => false,
    )
  }

  /** The migration's report; throws what it failed with, or after `seconds`. */
  async report(seconds: number): Promise<MigrationReport> {
    const deadline = Date.now() + seconds * 1000
    while (!(await this.hasEnded())) {
      if (Date.now() > deadline) throw new Error(`The cutover: not within ${seconds} s; last status: ${described(this.last)}`)
      await pause(LOOK_MS)
    }
    return (await this.#handle.result()) as MigrationReport
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#ended = true
    // A query that no worker answers any more would hold this up for long.
    await Promise.race([this.#watching, pause(GOODBYE_MS)])
  }

  async #look(onFault: (what: string) => void, onChange: (now: string) => void): Promise<void> {
    let before = ''
    const tell = (what: string): void => {
      if (!this.#told.has(what)) onFault(what)
      this.#told.add(what)
    }
    while (!this.#ended) {
      const status = await this.#handle.query<Status>('status').catch(() => undefined)
      if (status) {
        this.last = status
        const now = `the migration: ${status.phase}, ${status.state}`
        if (now !== before) onChange(`${now}, ${status.tables.copied} of ${status.tables.total} tables copied`)
        before = now
        for (const { type, message, at } of status.errors.items) {
          if (!EXPECTED_ERRORS.includes(type) && !EXPECTED_MESSAGE.test(message)) tell(`${type} at ${at}: ${message}`)
        }
        // Nothing here asks for an operator's decision; the run goes on, and has failed.
        if (status.state === 'waiting') {
          tell(`the migration waited for its operator in phase ${status.phase}`)
          await this.signal('resume')
        }
      }
      await pause(LOOK_MS)
    }
  }
}

function described(status: Status | undefined): string {
  if (!status) return 'none'
  const { asOf, phase, state, undelayed, lag, connection, errors, tables } = status
  return JSON.stringify({ asOf, phase, state, undelayed, lag, connection, tables, errors: errors.items.slice(-2) })
}
