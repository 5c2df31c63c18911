/** A definition that mentions mapped names and can't be rewritten exactly. */
export class UnrewritableError extends Error {
  override readonly name = 'UnrewritableError'
  /** What the definition is of, as far as it is known. */
  readonly object: string
  readonly reason: string

  constructor(object: string, reason: string) {
    super(`${object} can't be rewritten for the names on the target: ${reason}`)
    this.object = object
    this.reason = reason
  }
}
