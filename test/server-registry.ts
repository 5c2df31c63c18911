import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { startPostgres } from '../dev/postgres-server.ts'
import type { PostgresOptions, PostgresServer } from '../dev/postgres-server.ts'
import { startTemporal } from '../dev/temporal-server.ts'
import type { TemporalServer } from '../dev/temporal-server.ts'
import { testEnvironment } from './test-environment.ts'
import { startWorker } from './worker-process.ts'
import type { WorkerProcess } from './worker-process.ts'

/** Environment variable by which test files find the registry of their run. */
export const REGISTRY_VARIABLE = 'PGMOVE_TEST_SERVERS'

/** What a test file is told about a PostgreSQL server. */
export type SharedPostgres = Pick<PostgresServer, 'major' | 'port'>
/** What a test file is told about the Temporal dev server. */
export type SharedTemporal = Pick<TemporalServer, 'address' | 'cli'>
/** Where the shared worker takes its tasks from. */
export interface SharedWorker {
  readonly taskQueue: string
  /** What it has written so far of everything that runs on it. */
  readonly logFile: string
}

const TASK_QUEUE = 'shared'

/** Starts each server once, when it is first asked for, and stops all of them. */
export class ServerPool {
  #started = new Map<string, Promise<PostgresServer>>()
  #temporal: Promise<TemporalServer> | undefined
  #worker: Promise<WorkerProcess> | undefined

  postgres(options: PostgresOptions): Promise<PostgresServer> {
    const { major, walLevel = 'logical', settings = {} } = options
    const key = JSON.stringify([major, walLevel, Object.entries(settings).sort()])
    let started = this.#started.get(key)
    if (!started) this.#started.set(key, (started = startPostgres({ major, walLevel, settings })))
    return started
  }

  temporal(): Promise<TemporalServer> {
    return (this.#temporal ??= startTemporal())
  }

  /** A worker with nothing in its environment; one that has died is replaced. */
  async worker(): Promise<SharedWorker> {
    const { logFile } = await (this.#worker = this.#runningWorker(this.#worker))
    return { taskQueue: TASK_QUEUE, logFile }
  }

  async #runningWorker(last: Promise<WorkerProcess> | undefined): Promise<WorkerProcess> {
    const worker = await last?.catch(() => undefined)
    if (worker?.child.running) return worker
    await worker?.close()
    const { address } = await this.temporal()
    return startWorker({ ...testEnvironment(), TEMPORAL_ADDRESS: address, PGMOVE_TASK_QUEUE: TASK_QUEUE })
  }

  async stop(): Promise<void> {
    await this.#worker?.then((worker) => worker.close()).catch(() => undefined)
    this.#worker = undefined
    const all = [...this.#started.values(), ...(this.#temporal ? [this.#temporal] : [])]
    this.#started.clear()
    this.#temporal = undefined
    for (const result of await Promise.allSettled(all)) if (result.status === 'fulfilled') await result.value.stop()
  }
}

/** Serves a pool to the test files of one run, over HTTP on this machine. Returns the address for `REGISTRY_VARIABLE`. */
export async function serveRegistry(pool: ServerPool): Promise<{ url: string; close(): void }> {
  const answer = async (request: http.IncomingMessage): Promise<SharedPostgres | SharedTemporal | SharedWorker> => {
    if (request.url === '/worker') return pool.worker()
    if (request.url === '/temporal') {
      const { address, cli } = await pool.temporal()
      return { address, cli }
    }
    const { major, port } = await pool.postgres(JSON.parse(await text(request)) as PostgresOptions)
    return { major, port }
  }
  const server = http.createServer((request, response) => {
    answer(request).then(
      (found) => response.end(JSON.stringify(found)),
      (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
    )
  })
  // A first request waits for a download and a start.
  server.requestTimeout = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

async function text(request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
