import net from 'node:net'

const READ_BYTES = 64 * 1024
/** Buffers that are written elsewhere come back when they are; more than a few are never under way. */
const MOST_FREE = 4

/** Takes what was read. A promise keeps the memory until it resolves; else it is read into again. */
export type Taker = (read: Buffer) => Promise<void> | undefined

/**
 * A TCP socket that reads into a few buffers over and over. Node.js makes one for every read, 64 KB whatever comes, and gigabytes of
 * them make the garbage collector run through the whole heap again and again: half of the CPU time of a copy. Without a taker it
 * emits `data` as any socket does.
 */
export class ReusingSocket extends net.Socket {
  /** Gets what is read, in place of the listeners of `data`. */
  taker: Taker | undefined
  #next: Buffer | undefined = Buffer.allocUnsafeSlow(READ_BYTES)
  readonly #free: Buffer[] = []

  constructor() {
    // Asked for only once it is connected.
    const socket = (): ReusingSocket => this
    super(
      onread({
        buffer: () => socket().#nextBuffer(),
        callback: (bytes, buffer) => socket().#read(bytes, buffer as Buffer),
      }),
    )
  }

  #nextBuffer(): Buffer {
    return (this.#next ??= this.#free.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES))
  }

  #read(bytes: number, buffer: Buffer): boolean {
    const { taker } = this
    if (!taker) {
      this.emit('data', Buffer.from(buffer.subarray(0, bytes)))
      return true
    }
    const kept = taker(buffer.subarray(0, bytes))
    if (!kept) return true
    this.#next = undefined
    void kept.then(() => {
      if (this.#free.length < MOST_FREE) this.#free.push(buffer)
    })
    return true
  }
}

/** The types know `onread` for connect() alone; the constructor takes it since Node.js 12.10. */
function onread(options: net.OnReadOpts): net.SocketConstructorOpts {
  return { onread: options } as net.SocketConstructorOpts
}
