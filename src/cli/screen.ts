import type { OutputStream } from './output.ts'
import { shortened, textWidth } from './text-width.ts'

// The alternate screen, as full-screen programs use it: whatever stood on the terminal is there again afterwards, and a terminal that is resized
// has nothing of ours to fold anew.
const OPEN = '\u001B[?1049h\u001B[?25l'
const CLOSE = '\u001B[?25h\u001B[?1049l'
const HOME = '\u001B[H'
const TO_LINE_END = '\u001B[K'
const TO_SCREEN_END = '\u001B[J'
const RESET = '\u001B[0m'

/** A terminal that is drawn anew as a whole. */
export class Screen {
  readonly #stream: OutputStream

  constructor(stream: OutputStream) {
    this.#stream = stream
    this.#stream.write(OPEN)
  }

  /** Shows these lines, as far as there is room: what doesn't fit is left out at the end, and said. */
  draw(lines: readonly string[]): void {
    const { rows = 24, columns = 80 } = this.#stream
    const room = Math.max(1, rows - 1)
    const more = lines.length - room
    const shown = more > 0 ? [...lines.slice(0, room - 1), `… ${more + 1} more lines: make the terminal higher`] : lines
    // A line that is too wide would take two; cut, it loses its colours.
    const fitting = shown.map((line) => (textWidth(line) > columns ? shortened(line, columns) : line) + RESET + TO_LINE_END)
    this.#stream.write(`${HOME}${fitting.join('\r\n')}\r\n${TO_SCREEN_END}`)
  }

  /** Calls back whenever the terminal changes its size, until the returned function is called. */
  onResize(callback: () => void): () => void {
    this.#stream.on?.('resize', callback)
    return () => void this.#stream.off?.('resize', callback)
  }

  close(): void {
    this.#stream.write(CLOSE)
  }
}
