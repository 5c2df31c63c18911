import type { Status } from '../workflows/status.ts'

/** What a migration's statuses have told that was not told before: its warnings, and errors that came up meanwhile. */
export class News {
  readonly #warnings = new Set<string>()
  #errors: number | undefined

  of({ warnings, errors }: Status): string[] {
    const told = warnings.items.filter((text) => !this.#warnings.has(text))
    for (const text of told) this.#warnings.add(text)
    // Errors that it had before somebody looked are over.
    const count = Math.min(errors.items.length, errors.total - (this.#errors ?? errors.total))
    this.#errors = errors.total
    const recent = count > 0 ? errors.items.slice(-count) : []
    return [...told.map((text) => `warning: ${text}`), ...recent.map(({ type, message }) => `${type}: ${message}`)]
  }
}
