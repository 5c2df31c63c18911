import { readFileSync, writeFileSync } from 'node:fs'

const SAMPLE_MS = 200

/**
 * Watches how much memory a process holds (Linux). The kernel keeps the exact peak of the resident set, `VmHWM` of
 * /proc/PID/status; writing 5 into /proc/PID/clear_refs begins it anew (proc(5)), so that each stretch has its own.
 */
export class PeakMemory {
  readonly #pid: number
  readonly #timer: NodeJS.Timeout
  #stretch = 0
  #all = 0

  constructor(pid: number) {
    this.#pid = pid
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS)
  }

  /** Peak of all stretches so far, in bytes. */
  get all(): number {
    return Math.max(this.#all, this.#stretch)
  }

  /** Ends a stretch: its peak in bytes. The next one begins. */
  mark(): number {
    this.#sample()
    const peak = this.#stretch
    this.#all = this.all
    this.#stretch = 0
    writeFileSync(`/proc/${this.#pid}/clear_refs`, '5')
    return peak
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #sample(): void {
    try {
      const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.#pid}/status`, 'utf8'))?.[1]
      this.#stretch = Math.max(this.#stretch, Number(kilobytes ?? 0) * 1024)
    } catch {
      // The process has ended; what was seen until then counts.
    }
  }
}
