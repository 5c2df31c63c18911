/** Reads the primitives of pg_dump's archives: signed integers and length-prefixed strings (PostgreSQL's pg_backup_archiver.c). */
export class ArchiveReader {
  readonly #data: Buffer
  #at = 0
  /** Bytes of an integer; stands in the archive's header. */
  intSize = 4

  constructor(data: Buffer) {
    this.#data = data
  }

  byte(): number {
    return this.bytes(1).readUInt8()
  }

  /** @throws RangeError when the archive ends before. */
  bytes(length: number): Buffer {
    const end = this.#at + length
    if (length < 0 || end > this.#data.length) throw new RangeError('the archive ends in its middle')
    const part = this.#data.subarray(this.#at, end)
    this.#at = end
    return part
  }

  /** ReadInt: a sign byte, then the absolute value, lowest byte first. */
  int(): number {
    const sign = this.byte()
    const value = this.bytes(this.intSize).readUIntLE(0, this.intSize)
    return sign === 0 ? value : -value
  }

  /** ReadStr: null when the length is negative. */
  string(): string | null {
    const length = this.int()
    return length < 0 ? null : this.bytes(length).toString('utf8')
  }
}
