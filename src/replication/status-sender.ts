import { standbyStatus } from './standby-status.ts'

/** Confirmations are sent at most this often; what is confirmed between goes with the next one. */
const CONFIRM_MILLISECONDS = 100

/** Tells the server what was received and what is durable; positions never go back. */
export class StatusSender {
  private write: ((message: Buffer) => void) | undefined
  /** The two halves of the highest position received: a number for each message costs less than a bigint. */
  private high = 0
  private low = 0
  private confirmed = 0n
  private sent = 0n
  private sentAt = -Infinity
  private timer: NodeJS.Timeout | undefined

  /** The highest position received. */
  get received(): bigint {
    return (BigInt(this.high) << 32n) | BigInt(this.low)
  }

  connect(write: (message: Buffer) => void): void {
    this.write = write
  }

  /** A position that the server has named, as its upper and its lower 32 bits. */
  receive(high: number, low: number): void {
    if (high < this.high || (high === this.high && low <= this.low)) return
    this.high = high
    this.low = low
  }

  /** Sends `lsn` at once, or as soon as the last confirmation is 100 ms old. */
  confirm(lsn: bigint): void {
    if (lsn <= this.confirmed) return
    this.confirmed = lsn
    if (this.timer || !this.write) return
    const wait = this.sentAt + CONFIRM_MILLISECONDS - performance.now()
    if (wait <= 0) this.send()
    else this.timer = setTimeout(() => this.send(), wait)
  }

  /** Sends the state now. `reply` asks the server for a keepalive. */
  send(reply = false): void {
    clearTimeout(this.timer)
    this.timer = undefined
    if (!this.write) return
    const { received } = this
    const write = received > this.confirmed ? received : this.confirmed
    this.write(standbyStatus({ write, flush: this.confirmed, reply, now: Date.now() }))
    this.sent = this.confirmed
    this.sentAt = performance.now()
  }

  /** Sends what was confirmed and not sent yet. */
  flush(): void {
    if (this.confirmed > this.sent) this.send()
  }

  /** Sends nothing from now on. */
  disconnect(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.write = undefined
  }
}
