import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startTemporal } from './temporal-server.ts'
import type { TemporalServer } from './temporal-server.ts'

/** A Temporal dev server that goes away and comes back on its port, with its database. */
export class TemporalPart {
  readonly #dbFile: string
  readonly #port: number
  #server: TemporalServer
  #ended = false

  private constructor(dbFile: string, server: TemporalServer) {
    this.#dbFile = dbFile
    this.#server = server
    this.#port = Number(server.address.split(':').at(-1))
  }

  static async start(folder: string): Promise<TemporalPart> {
    const dbFile = path.join(folder, 'temporal.db')
    return new TemporalPart(dbFile, await startTemporal({ dbFile }))
  }

  get address(): string {
    return this.#server.address
  }

  /** Path of the Temporal CLI that started it. */
  get cli(): string {
    return this.#server.cli
  }

  /** Ends it, by SIGKILL or as its operator does, and starts it again after `forMs`. */
  async restart(how: 'kill' | 'restart', forMs: number): Promise<void> {
    const { address } = this.#server
    if (how === 'kill') await this.#server.kill()
    await this.#server.stop()
    await pause(forMs)
    if (this.#ended) return
    const server = await startTemporal({ port: this.#port, dbFile: this.#dbFile })
    this.#server = server
    // Ctrl-C while it started.
    if (this.#ended as boolean) await server.stop()
    if (server.address !== address) throw new Error(`Temporal's port was taken by another program meanwhile: ${address}`)
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#ended = true
    await this.#server.stop()
  }
}
