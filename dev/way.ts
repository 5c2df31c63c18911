import net from 'node:net'
import { freePort } from './free-port.ts'
import { WayStream } from './way-stream.ts'
import type { Conditions } from './way-stream.ts'

interface Pair {
  readonly client: net.Socket
  readonly server: net.Socket
  readonly streams: readonly [WayStream, WayStream]
}

/** `commit`, as the frontend sends it: as a simple query, or parsed within a batch. */
const COMMITS = [Buffer.from('Q\0\0\0\x0bcommit\0', 'latin1'), Buffer.from('P\0\0\0\x0e\0commit\0\0\0', 'latin1')]

/** The way from the workers to a server, which can be made bad: a TCP proxy in this process. */
export class Way {
  readonly #to: number
  readonly #port: number
  readonly #pairs = new Set<Pair>()
  readonly #conditions: Conditions = { silent: false, delayMs: 0, bytesPerSecond: undefined }
  #listener: net.Server | undefined
  #commitsToCut = 0
  #brokenCommits = 0
  #turnsAway = false
  readonly #attempts: number[] = []

  private constructor(to: number, port: number) {
    this.#to = to
    this.#port = port
  }

  /** Opens the way to a port of this machine. */
  static async open(to: number): Promise<Way> {
    const way = new Way(to, await freePort())
    await way.admit()
    return way
  }

  /** The URL by this way. */
  through(url: string): string {
    const parsed = new URL(url)
    parsed.port = String(this.#port)
    return parsed.href
  }

  /** COMMITs whose answers were kept back so far. */
  get brokenCommits(): number {
    return this.#brokenCommits
  }

  /** When connections were turned away, in milliseconds since 1970. */
  get attempts(): readonly number[] {
    return this.#attempts
  }

  /** Ends every connection as a reset does. */
  cut(): void {
    for (const pair of this.#pairs) this.#end(pair)
  }

  /** Refuses connections from now on. */
  refuse(): void {
    this.#listener?.close()
    this.#listener = undefined
    this.cut()
  }

  /** Ends every connection, and new ones as soon as they are made: as `refuse`, but each attempt is noted. */
  turnAway(): void {
    this.#turnsAway = true
    this.cut()
  }

  /** Accepts connections again. */
  async admit(): Promise<void> {
    this.#turnsAway = false
    if (this.#listener) return
    const listener = net.createServer((client) => this.#connect(client))
    await new Promise<void>((resolve, reject) => listener.once('error', reject).listen(this.#port, '127.0.0.1', resolve))
    this.#listener = listener
  }

  /** Holds every byte back, the ends of connections too; `false` lets them go. */
  silence(silent = true): void {
    this.#conditions.silent = silent
    for (const pair of this.#pairs) {
      for (const stream of pair.streams) stream.pump()
      if (!silent && (pair.client.destroyed || pair.server.destroyed)) this.#end(pair)
    }
  }

  /** Ends the server's side of every connection and says nothing to the clients; `silence(false)` tells them. */
  loseServer(): void {
    this.silence()
    for (const { server } of this.#pairs) server.destroy()
  }

  delay(ms: number): void {
    this.#conditions.delayMs = ms
  }

  /** Each way of a connection for itself; undefined: as fast as it can. */
  throttle(bytesPerSecond: number | undefined): void {
    this.#conditions.bytesPerSecond = bytesPerSecond
  }

  /** The next COMMITs are delivered, and their connections end before the answers. */
  cutCommits(times: number): void {
    this.#commitsToCut = times
  }

  /** As good as new. */
  async heal(): Promise<void> {
    this.cutCommits(0)
    this.delay(0)
    this.throttle(undefined)
    this.silence(false)
    await this.admit()
  }

  close(): void {
    this.refuse()
  }

  #connect(client: net.Socket): void {
    if (this.#turnsAway) {
      this.#attempts.push(Date.now())
      client.on('error', () => undefined)
      client.resetAndDestroy()
      return
    }
    const server = net.connect(this.#to, '127.0.0.1')
    const answers = new WayStream(server, client, this.#conditions)
    const questions = new WayStream(client, server, this.#conditions, (piece) => {
      if (this.#commitsToCut <= 0 || !COMMITS.some((commit) => piece.includes(commit))) return
      this.#commitsToCut--
      this.#brokenCommits++
      answers.mute()
      // The server answers when it has done what it was told.
      server.once('data', () => this.#end(pair))
    })
    const pair: Pair = { client, server, streams: [questions, answers] }
    this.#pairs.add(pair)
    for (const socket of [client, server]) {
      socket.setNoDelay(true)
      socket.on('error', () => socket.destroy())
      // In a silence the other side isn't told either.
      socket.on('close', () => this.#conditions.silent || this.#endSent(pair))
    }
  }

  /** What was sent before the end still arrives. */
  #endSent(pair: Pair): void {
    for (const stream of pair.streams) stream.finish(() => this.#end(pair))
  }

  #end(pair: Pair): void {
    this.#pairs.delete(pair)
    for (const socket of [pair.client, pair.server]) socket.resetAndDestroy()
  }
}
