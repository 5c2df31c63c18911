const COPY_DATA = 0x64
const COPY_DONE = 0x63
/** CopyOutResponse, and what a server may send at any time: ParameterStatus, NoticeResponse, NotificationResponse. */
const PASSED_OVER: ReadonlySet<number> = new Set([0x48, 0x53, 0x4e, 0x41])
/** A message's type and its length, which counts itself but not the type (PostgreSQL documentation, "Message Formats"). */
const HEADER_BYTES = 5
const NOTHING = Buffer.alloc(0)

export interface ReadFrames {
  /** Whole CopyData messages, as the other server takes them. */
  readonly frames: readonly Buffer[]
  /** CopyData messages that began: a server sends one a row (PostgreSQL documentation, "COPY Operations"). */
  readonly messages: number
  /** Of their content. */
  readonly bytes: number
  /** How the copy ended, and what stands behind its data: an error stands there whole. Undefined as long as it goes on. */
  readonly end: { readonly complete: boolean; readonly rest: Buffer } | undefined
}

/**
 * Takes what a server sends while it copies out, and gives the CopyData messages on without a copy of them: both directions have
 * the same frame, so what was read can be written as it is. A message that the socket cuts is made two by the length in its header,
 * since where a message ends means nothing to the server that takes it: so at any time what was given on is whole, and a copy
 * can be given up.
 */
export class CopyDataFrames {
  /** Of a header that was cut. */
  #cut = NOTHING
  /** Content of the last message that is still to come. */
  #left = 0
  #isData = false

  /** `read` is given on, with lengths changed in it: its memory must be nobody else's. */
  push(read: Buffer): ReadFrames {
    const bytes = this.#cut.length > 0 ? Buffer.concat([this.#cut, read]) : read
    this.#cut = NOTHING
    const frames: Buffer[] = []
    let messages = 0
    let content = Math.min(this.#left, bytes.length)
    let at = content
    let from = this.#isData ? 0 : at
    if (!this.#isData) content = 0
    else if (content > 0) frames.push(header(content))
    this.#left -= at
    const give = (to: number): void => {
      if (to > from) frames.push(bytes.subarray(from, to))
    }
    while (at + HEADER_BYTES <= bytes.length) {
      const type = bytes[at] ?? 0
      this.#isData = type === COPY_DATA
      if (!this.#isData && !PASSED_OVER.has(type)) {
        give(at)
        const complete = type === COPY_DONE
        return { frames, messages, bytes: content, end: { complete, rest: bytes.subarray(complete ? at + HEADER_BYTES : at) } }
      }
      const size = bytes.readUInt32BE(at + 1) - 4
      const here = Math.min(size, bytes.length - at - HEADER_BYTES)
      this.#left = size - here
      if (this.#isData) {
        messages++
        content += here
        if (here < size) bytes.writeUInt32BE(here + 4, at + 1)
        at += HEADER_BYTES + here
      } else {
        give(at)
        at += HEADER_BYTES + here
        from = at
      }
    }
    give(at)
    if (at < bytes.length) this.#cut = Buffer.from(bytes.subarray(at))
    return { frames, messages, bytes: content, end: undefined }
  }
}

function header(content: number): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES)
  bytes[0] = COPY_DATA
  bytes.writeUInt32BE(content + 4, 1)
  return bytes
}
