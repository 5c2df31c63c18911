import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { eventually } from './eventually.ts'
import { freePort } from './free-port.ts'
import { guardedChild } from './guarded-child.ts'
import { temporalCli } from './temporal-cli.ts'

const run = promisify(execFile)

export interface TemporalOptions {
  /** Wanted port; steps aside to a free one if it is taken. Default: any free one. */
  port?: number
  /** Wanted port of the Web UI, stepping aside too. Default: no Web UI. */
  uiPort?: number
  /** Where to keep workflows over a restart. Default: in memory. */
  dbFile?: string
}

export interface TemporalServer {
  /** `host:port` for clients and workers. */
  readonly address: string
  /** The Web UI, if it was asked for. */
  readonly uiUrl: string | undefined
  /** Path of the Temporal CLI that started it. */
  readonly cli: string
  /** The server's log so far. */
  log(): string
  /** SIGKILL: nothing is said to anybody. */
  kill(): Promise<void>
  /** Idempotent. */
  stop(): Promise<void>
}

/** Starts a Temporal dev server on 127.0.0.1 with the namespace `default`, ready when the promise resolves; it never outlives this process. */
export async function startTemporal(options: TemporalOptions = {}): Promise<TemporalServer> {
  const cli = await temporalCli()
  const base = await mkdtemp(path.join(os.tmpdir(), 'pgmove-temporal-'))
  const logFile = path.join(base, 'log')
  const port = await freePort(options.port)
  const address = `127.0.0.1:${port}`
  const uiPort = options.uiPort === undefined ? undefined : await freePort(options.uiPort)
  const args = ['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--log-level', 'warn']
  args.push(...(uiPort === undefined ? ['--headless'] : ['--ui-ip', '127.0.0.1', '--ui-port', String(uiPort)]))
  if (options.dbFile) args.push('--db-filename', path.resolve(options.dbFile))
  const child = guardedChild(cli, args, { log: logFile, endSignal: 'SIGKILL', removeAfter: base })
  const stop = async () => {
    await child.end('SIGTERM')
    await rm(base, { recursive: true, force: true })
  }
  try {
    await eventually(`Temporal on port ${port}`, 60, async () => {
      if (!child.running) throw new Error(`The Temporal dev server did not start:\n${readFileSync(logFile, 'utf8').slice(-2000)}`)
      return await answers(cli, address)
    })
  } catch (error) {
    await stop()
    throw error
  }
  return {
    address,
    uiUrl: uiPort === undefined ? undefined : `http://127.0.0.1:${uiPort}`,
    cli,
    log: () => readFileSync(logFile, 'utf8'),
    kill: () => child.end('SIGKILL'),
    stop,
  }
}

/** Healthy, and the namespace that everything uses is there: it comes a moment later. */
async function answers(cli: string, address: string): Promise<boolean> {
  const options = { timeout: 10_000 }
  try {
    await run(cli, ['operator', 'cluster', 'health', '--address', address], options)
    await run(cli, ['operator', 'namespace', 'describe', '--namespace', 'default', '--address', address], options)
    return true
  } catch {
    return false
  }
}
