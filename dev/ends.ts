/** What was started, ended in reverse order. */
export class Ends {
  readonly #ends: (() => Promise<unknown> | void)[] = []

  add<T>(resource: T, end: (resource: T) => Promise<unknown> | void): T {
    this.#ends.push(() => end(resource))
    return resource
  }

  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await Promise.resolve(end()).catch(() => undefined)
  }
}
