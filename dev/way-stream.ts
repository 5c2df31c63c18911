import type net from 'node:net'

/** What all connections of a way suffer. */
export interface Conditions {
  silent: boolean
  delayMs: number
  bytesPerSecond: number | undefined
}

/** What may wait before the sender is held up, as a network's buffers do. */
const LIMIT_BYTES = 1 << 20

/** One direction of a connection: hands on what arrives, in its order, as late and as slowly as the conditions have it. */
export class WayStream {
  readonly #from: net.Socket
  readonly #to: net.Socket
  readonly #conditions: Conditions
  readonly #look: ((piece: Buffer) => void) | undefined
  readonly #queue: { readonly due: number; readonly piece: Buffer }[] = []
  #bytes = 0
  /** When the throttle lets the next piece pass. */
  #free = 0
  #timer: NodeJS.Timeout | undefined
  #muted = false
  #finished: (() => void) | undefined

  /** @param look told of each piece when it is sent */
  constructor(from: net.Socket, to: net.Socket, conditions: Conditions, look?: (piece: Buffer) => void) {
    this.#from = from
    this.#to = to
    this.#conditions = conditions
    this.#look = look
    from.on('data', (piece: Buffer) => {
      if (this.#muted) return
      this.#queue.push({ due: Date.now() + conditions.delayMs, piece })
      this.#bytes += piece.length
      if (this.#bytes > LIMIT_BYTES) from.pause()
      this.pump()
    })
    to.on('drain', () => this.pump())
    to.on('close', () => clearTimeout(this.#timer))
  }

  /** Sends what is due. */
  pump(): void {
    clearTimeout(this.#timer)
    for (;;) {
      if (this.#conditions.silent || this.#to.writableNeedDrain) return
      const [next] = this.#queue
      if (!next) break
      const wait = Math.max(next.due, this.#free) - Date.now()
      if (wait > 0) {
        this.#timer = setTimeout(() => this.pump(), wait)
        return
      }
      this.#queue.shift()
      this.#send(next.piece)
    }
    if (this.#bytes <= LIMIT_BYTES) this.#from.resume()
    this.#finished?.()
  }

  /** Nothing passes any more. */
  mute(): void {
    this.#muted = true
    this.#queue.length = 0
  }

  /** Calls back when everything has been sent, or nothing can be. */
  finish(done: () => void): void {
    this.#finished = done
    if (this.#to.destroyed) done()
    else this.pump()
  }

  #send(piece: Buffer): void {
    this.#look?.(piece)
    this.#bytes -= piece.length
    const { bytesPerSecond } = this.#conditions
    if (bytesPerSecond) this.#free = Math.max(Date.now(), this.#free) + (piece.length * 1000) / bytesPerSecond
    if (!this.#to.destroyed) this.#to.write(piece)
  }
}
