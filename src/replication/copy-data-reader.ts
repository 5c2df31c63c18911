const COPY_DATA = 0x64
/** A message's type and its length, which counts itself (PostgreSQL documentation, "Message Formats"). */
const HEADER_BYTES = 5

/** Takes CopyData's content, which stands in `bytes` from `start` to before `end`. The memory is nobody else's. */
export type CopyDataListener = (bytes: Buffer, start: number, end: number) => void

/**
 * Parts what a server sends into messages. CopyData stays where it was read, so that a stream of small messages takes neither a copy nor an
 * object for each; any other message goes to `other`, whole and as it came.
 */
export class CopyDataReader {
  readonly #copyData: CopyDataListener
  readonly #other: (message: Buffer) => void
  /** The pieces of a message whose end has not come. */
  #pieces: Buffer[] = []
  #held = 0
  /** How many bytes that message has; of its header as long as its length is not known. */
  #wanted = 0

  constructor(copyData: CopyDataListener, other: (message: Buffer) => void) {
    this.#copyData = copyData
    this.#other = other
  }

  /** `read` is kept: nobody may write to its memory later. */
  push(read: Buffer): void {
    const bytes = read
    let at = 0
    while (this.#held > 0) {
      const rest = Math.min(this.#wanted - this.#held, bytes.length - at)
      this.#pieces.push(bytes.subarray(at, at + rest))
      this.#held += rest
      at += rest
      if (this.#held < this.#wanted) return
      const message = Buffer.concat(this.#pieces, this.#held)
      if (this.#held === HEADER_BYTES && length(message, 0) > HEADER_BYTES) {
        this.#hold(message)
      } else {
        this.#hold(bytes.subarray(0, 0))
        this.#deliver(message, 0, message.length)
      }
    }
    while (at + HEADER_BYTES <= bytes.length) {
      const end = at + length(bytes, at)
      if (end > bytes.length) break
      this.#deliver(bytes, at, end)
      at = end
    }
    if (at < bytes.length) this.#hold(bytes.subarray(at))
  }

  #hold(piece: Buffer): void {
    this.#pieces = [piece]
    this.#held = piece.length
    this.#wanted = piece.length < HEADER_BYTES ? HEADER_BYTES : length(piece, 0)
  }

  #deliver(bytes: Buffer, start: number, end: number): void {
    if (bytes[start] === COPY_DATA) this.#copyData(bytes, start + HEADER_BYTES, end)
    else this.#other(bytes.subarray(start, end))
  }
}

/** Of the message that starts at `at`, with its type. */
function length(bytes: Buffer, at: number): number {
  return 1 + bytes.readUInt32BE(at + 1)
}
