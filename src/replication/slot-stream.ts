import { setTimeout as delay } from 'node:timers/promises'
import { LogicalReplicationService } from 'pg-logical-replication'
import { classify } from '../errors/classify.ts'
import { MigrationError } from '../errors/migration-error.ts'
import { formatLsn } from '../postgres/lsn.ts'
import type { ChangeStream, ChangeStreamOptions, StreamItem } from './change-stream.ts'
import { publicationSkipped, streamEnded, streamSilent } from './change-stream-error.ts'
import { PgoutputDecoder } from './pgoutput-decoder.ts'
import { PgoutputPlugin } from './pgoutput-plugin.ts'
import { ENTRY_BYTES, ReceiveBuffer } from './receive-buffer.ts'
import type { EntryConsumer, KeepaliveEntry } from './receive-buffer.ts'
import { StatusSender } from './status-sender.ts'
import { interceptCopyData, serviceSocket, walsenderConnection } from './walsender-connection.ts'
import type { WalsenderConnection } from './walsender-connection.ts'

const DEFAULT_BUFFERED_BYTES = 8 * 1024 * 1024
/** A batch is so small that most of what is decoded is forgotten before it is old, for decoded it takes several times the memory. */
const BATCH_ITEMS = 256
const BATCH_BYTES = 1024 * 1024
const DEFAULT_SILENCE_SECONDS = 60
const CLOSE_MILLISECONDS = 2000
/** The length of XLogData's header: type, start, end of WAL, time. */
const HEADER_BYTES = 25
/** Where a position stands in the header of XLogData and of a keepalive. */
const LSN_AT = 1

/** The change stream of one connection; made by `openChangeStream`. */
export class SlotStream implements ChangeStream {
  private readonly options: ChangeStreamOptions
  private readonly maxBufferedBytes: number
  private readonly silenceSeconds: number
  private readonly service: LogicalReplicationService
  private readonly decoder = new PgoutputDecoder((bytes, start) => bytes.readBigUInt64BE(start - HEADER_BYTES + LSN_AT))
  private readonly buffer = new ReceiveBuffer()
  private readonly status = new StatusSender()
  private connection: WalsenderConnection | undefined
  private inTransaction = false
  private paused = false
  private silentSeconds = 0
  private timer: NodeJS.Timeout | undefined
  private wake: (() => void) | undefined
  private failure: Error | undefined
  private closing: Promise<void> | undefined
  /** Settled when START_REPLICATION has ended. Never fails. */
  private ended: Promise<void> | undefined

  constructor(options: ChangeStreamOptions) {
    this.options = options
    this.maxBufferedBytes = options.maxBufferedBytes ?? DEFAULT_BUFFERED_BYTES
    this.silenceSeconds = options.silenceSeconds ?? DEFAULT_SILENCE_SECONDS
    this.service = new LogicalReplicationService(options.clientConfig, {
      acknowledge: { auto: false, timeoutSeconds: 0 },
      flowControl: { enabled: false },
    })
  }

  get receivedLsn(): bigint {
    return this.status.received
  }

  async start(): Promise<void> {
    const { slot, publication, startLsn, signal } = this.options
    signal?.addEventListener('abort', this.onAbort)
    if (signal?.aborted) this.onAbort()
    const plugin = new PgoutputPlugin({ publication, onConnect: (client) => this.attach(walsenderConnection(client)) })
    try {
      await new Promise<void>((resolve, reject) => {
        this.wake = () => reject(this.failure ?? new Error('no failure'))
        if (this.failure) return this.wake()
        this.service.on('start', () => resolve())
        this.service.on('error', (error) => this.fail(classify(error, 'source')))
        this.ended = this.service.subscribe(plugin, slot, formatLsn(startLsn ?? 0n)).then(
          () => this.fail(streamEnded(slot)),
          (error: unknown) => this.fail(classify(error, 'source')),
        )
      })
    } catch (error) {
      await this.close()
      throw error
    } finally {
      this.wake = undefined
    }
    if (!this.failure) this.timer = setInterval(() => this.everySecond(), 1000)
  }

  async nextBatch(): Promise<StreamItem[]> {
    if (this.wake) throw new MigrationError('Internal', `the change stream of slot ${this.options.slot} has two consumers`)
    while (this.buffer.empty) {
      if (this.closing) return []
      if (this.failure) throw this.failure
      await new Promise<void>((resolve) => (this.wake = resolve)).finally(() => (this.wake = undefined))
    }
    const items = this.decode()
    if (this.paused && this.buffer.bytes <= this.maxBufferedBytes / 2) this.resume()
    return items
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StreamItem, void, undefined> {
    for (let batch = await this.nextBatch(); batch.length > 0; batch = await this.nextBatch()) yield* batch
  }

  confirm(lsn: bigint): void {
    this.status.confirm(lsn)
  }

  close(): Promise<void> {
    this.closing ??= this.end()
    return this.closing
  }

  private attach(connection: WalsenderConnection): void {
    // Ended while it still connected: the service gives the connection up on an error.
    if (this.failure || this.closing) throw new Error('the change stream was closed')
    this.connection = connection
    this.status.connect((message) => connection.sendCopyFromChunk(message))
    interceptCopyData(
      connection,
      (bytes, start, end) => this.receive(bytes, start, end),
      (error) => this.fail(classify(error, 'source')),
    )
    // PostgreSQL 18 leaves out a publication that does not exist with a warning and goes on, without its changes.
    connection.on('notice', ({ severity, code, message }) => {
      if (severity === 'WARNING' && code === '55000') this.fail(publicationSkipped(this.options, message ?? ''))
    })
  }

  private receive(bytes: Buffer, start: number, end: number): void {
    if (this.closing || this.failure) return
    this.silentSeconds = 0
    this.status.receive(bytes.readUInt32BE(start + LSN_AT), bytes.readUInt32BE(start + LSN_AT + 4))
    if (bytes[start] === 0x77 /* w: XLogData */) {
      const message = start + HEADER_BYTES
      const type = bytes[message]
      if (type === 0x42 /* B */) this.inTransaction = true
      else if (type === 0x43 /* C */) this.inTransaction = false
      this.buffer.message(bytes, message, end)
    } else {
      this.buffer.keepalive(bytes.readBigUInt64BE(start + LSN_AT), !this.inTransaction)
      if (bytes[start + 17] === 1) this.status.send()
    }
    if (!this.paused && this.buffer.bytes > this.maxBufferedBytes) {
      this.paused = true
      this.connection?.stream.pause()
    }
    this.wake?.()
  }

  /** The next batch. A message that can't be decoded ends the stream: nothing behind it may be delivered. */
  private decode(): StreamItem[] {
    const items: StreamItem[] = []
    const { decoder } = this
    const consumer: EntryConsumer = {
      message: (bytes, start, end) => {
        items.push({ kind: 'message', message: decoder.decode(bytes, start, end), bytes: end - start + ENTRY_BYTES })
      },
      keepalive: ({ walEnd, idle }: KeepaliveEntry) => {
        items.push({ kind: 'keepalive', walEnd, idle })
      },
    }
    try {
      this.buffer.take(BATCH_ITEMS, Math.min(BATCH_BYTES, this.maxBufferedBytes), consumer)
    } catch (error) {
      this.buffer.clear()
      this.failure = classify(error, 'source')
      this.stopTimers()
      if (items.length === 0) throw this.failure
    }
    return items
  }

  private resume(): void {
    this.paused = false
    this.silentSeconds = 0
    this.connection?.stream.resume()
  }

  /**
   * A status every second keeps wal_sender_timeout away, also while the socket is paused. Seconds without a message are
   * counted by these calls and not by the clock, so that a process that was stopped or busy does not take its own pause for
   * the server's silence.
   */
  private everySecond(): void {
    if (this.paused) return this.status.send()
    if (this.silentSeconds > this.silenceSeconds) return this.fail(streamSilent(this.options.slot, this.silenceSeconds))
    // PostgreSQL 10 names its end of WAL on an idle stream only if asked.
    this.status.send(this.silentSeconds > 0)
    this.silentSeconds++
  }

  private readonly onAbort = (): void => {
    this.buffer.clear()
    const reason: unknown = this.options.signal?.reason
    this.fail(reason instanceof Error ? reason : new Error(String(reason)))
  }

  /** Keeps the first error only: what follows is its consequence. */
  private fail(error: Error): void {
    if (this.failure || this.closing) return
    this.failure = error
    this.stopTimers()
    this.wake?.()
  }

  private async end(): Promise<void> {
    this.options.signal?.removeEventListener('abort', this.onAbort)
    this.status.flush()
    this.stopTimers()
    this.buffer.clear()
    this.wake?.()
    // A paused socket would never see the server's end of the connection.
    this.connection?.stream.resume()
    const timeout = new AbortController()
    const late = delay(CLOSE_MILLISECONDS, false, { signal: timeout.signal }).catch(() => false)
    // A server that still has something to send, and can't any more, reads no confirmation that has come: the COPY is ended first.
    if (this.connection && !this.failure) {
      this.connection.endCopyFrom()
      await Promise.race([this.ended, late])
    }
    const stopped = this.service.stop().then(
      () => true,
      () => true,
    )
    const socket = serviceSocket(this.service)
    if (!(await Promise.race([stopped, late]))) socket?.destroy()
    timeout.abort()
  }

  private stopTimers(): void {
    clearInterval(this.timer)
    this.status.disconnect()
  }
}
