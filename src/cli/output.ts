import type { CliError } from './cli-error.ts'
import type { ExitCode } from './exit-code.ts'
import { Screen } from './screen.ts'
import type { Style } from './style.ts'
import { wrapped } from './text-width.ts'

/** A stream as far as a command needs to know it. */
export interface OutputStream {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  on?(event: 'resize', listener: () => void): unknown
  off?(event: 'resize', listener: () => void): unknown
}

/** What a command ends with. */
export interface Outcome {
  /** The document that `--json` prints. */
  readonly json: unknown
  /** What people read, on standard output. */
  readonly lines?: readonly string[]
  /** Default: done. */
  readonly code?: ExitCode
}

/** Where a command writes. */
export class Output {
  readonly json: boolean
  /** Of what goes to standard output. */
  readonly style: Style
  /** Of what goes to standard error. */
  readonly noticeStyle: Style
  readonly #stdout: OutputStream
  readonly #stderr: OutputStream

  constructor(stdout: OutputStream, stderr: OutputStream, options: { json: boolean; style: Style; noticeStyle: Style }) {
    this.#stdout = stdout
    this.#stderr = stderr
    this.json = options.json
    this.style = options.style
    this.noticeStyle = options.noticeStyle
  }

  /** Columns of the terminal; what is no terminal gets lines of 120. */
  get width(): number {
    return this.#stdout.isTTY ? Math.max(40, this.#stdout.columns || 80) : 120
  }

  /** Whether somebody watches the standard output. */
  get live(): boolean {
    return this.#stdout.isTTY === true && !this.json
  }

  /** Takes the whole terminal, until the screen is closed. */
  openScreen(): Screen {
    return new Screen(this.#stdout)
  }

  /** The result: lines for people, or the one JSON document. */
  finish({ json, lines = [] }: Outcome): void {
    if (this.json) this.#stdout.write(`${JSON.stringify(json, null, 2)}\n`)
    else if (lines.length > 0) this.#stdout.write(`${lines.join('\n')}\n`)
  }

  /** With `--json`, an error is the document. */
  fail({ type, message, code, details }: CliError): void {
    if (!this.json) return
    const error = { type, message, exitCode: code, ...(details === undefined ? {} : { details }) }
    this.#stdout.write(`${JSON.stringify({ error }, null, 2)}\n`)
  }

  /** Lines of a result that come one after another; with `--json` nowhere. */
  print(lines: readonly string[]): void {
    if (!this.json && lines.length > 0) this.#stdout.write(`${lines.join('\n')}\n`)
  }

  /** A message beside the result, on standard error. */
  notice(text: string): void {
    const width = this.#stderr.isTTY ? Math.max(40, this.#stderr.columns || 80) : Infinity
    this.#stderr.write(
      `${text
        .split('\n')
        .flatMap((line) => noticeLines(line, width))
        .join('\n')}\n`,
    )
  }
}

/** A line that is indented holds a command or a table, which must stay in one piece. */
function noticeLines(line: string, width: number): string[] {
  return line.startsWith('  ') || width === Infinity ? [line] : wrapped(line, width)
}
