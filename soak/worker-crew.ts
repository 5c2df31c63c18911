import { readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { guardedChild } from '../dev/guarded-child.ts'
import type { GuardedChild } from '../dev/guarded-child.ts'
import { ownEnvironment } from '../dev/own-environment.ts'
import { WORKER_ENVIRONMENT, WORKER_FLAGS } from '../src/worker-command.mjs'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
/** A worker drains for up to 15 s. */
const PATIENCE_MS = 20_000
const RESTART_MS = 1000

export interface CrewOptions {
  readonly workers: number
  /** Where the logs go. */
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
  readonly say: (line: string) => void
  /** Once aborted, nobody waits for workers to drain. */
  readonly interrupted: AbortSignal
}

/** Worker processes as a user starts them, kept running as a service manager keeps them: one that has ended is started again. */
export class WorkerCrew {
  readonly #options: CrewOptions
  readonly #children = new Map<number, GuardedChild>()
  /** Numbers of workers that are away on purpose. */
  readonly #away = new Set<number>()
  readonly #loops: Promise<void>[] = []
  #ended = false
  #endedAlone = 0

  constructor(options: CrewOptions) {
    this.#options = options
    for (let number = 1; number <= options.workers; number++) {
      this.#start(number)
      this.#loops.push(this.#keep(number))
    }
  }

  /** How often a worker ended without having been told to. */
  get endedAlone(): number {
    return this.#endedAlone
  }

  /** Warnings of Node.js in the workers' logs, such as that of a leak. */
  warnings(): string[] {
    const logs = [...this.#children.keys()].map((number) => readFileSync(this.#log(number), 'utf8'))
    return [...new Set(logs.flatMap((log) => log.match(/\w+Warning: .*/g) ?? []))]
  }

  /** Ends a worker by the signal, and starts another one in its place after `forMs`. */
  async replace(number: number, signal: 'SIGKILL' | 'SIGTERM', forMs: number): Promise<void> {
    this.#away.add(number)
    await this.#children.get(number)?.end(signal, PATIENCE_MS)
    await pause(forMs)
    if (!this.#ended) this.#start(number)
    this.#away.delete(number)
  }

  /** Stands still for `forMs`, as in a suspended virtual machine. */
  async suspend(number: number, forMs: number): Promise<void> {
    const child = this.#children.get(number)
    if (!child?.running) return
    process.kill(child.pid, 'SIGSTOP')
    await pause(forMs)
    if (child.running) process.kill(child.pid, 'SIGCONT')
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#ended = true
    const children = [...this.#children.values()].filter((child) => child.running)
    for (const child of children) process.kill(child.pid, 'SIGCONT')
    await Promise.all(children.map((child) => child.end(this.#options.interrupted.aborted ? 'SIGKILL' : 'SIGTERM', PATIENCE_MS)))
    await Promise.all(this.#loops)
  }

  #start(number: number): void {
    const env = { ...ownEnvironment(), ...WORKER_ENVIRONMENT, TEMPORAL_NAMESPACE: 'default', ...this.#options.env }
    const options = { log: this.#log(number), endSignal: 'SIGKILL', cwd: PROJECT, env } as const
    this.#children.set(number, guardedChild(process.execPath, [...WORKER_FLAGS, 'src/start-worker.mjs'], options))
  }

  async #keep(number: number): Promise<void> {
    while (!this.#ended) {
      const child = this.#children.get(number)
      if (this.#away.has(number) || child?.running) {
        await pause(200)
        continue
      }
      this.#endedAlone++
      const last = readFileSync(this.#log(number), 'utf8').trim().split('\n').at(-1)?.slice(0, 300)
      this.#options.say(`worker ${number} ended by itself (${await child?.ended}): ${last}`)
      await pause(RESTART_MS)
      if (!this.#ended) this.#start(number)
    }
  }

  #log(number: number): string {
    return path.join(this.#options.folder, `worker-${number}.log`)
  }
}
