import type { Database } from '../postgres/connect.ts'
import type { BoundColumn } from './bound-relation.ts'

/** A prepared statement costs the server memory until the session ends. */
const MOST = 500

const OF_SESSIONS = new WeakMap<Database, StatementNames>()

/** Names for the statements of one session that are worth preparing. */
export class StatementNames {
  /** A session keeps what it has prepared, also after an error, so that it has one set of names as long as it lives. */
  static of(session: Database): StatementNames {
    const known = OF_SESSIONS.get(session)
    if (known) return known
    const names = new StatementNames()
    OF_SESSIONS.set(session, names)
    return names
  }

  readonly #names = new Map<string, string | undefined>()
  #prepared = 0

  /** A name from the second use on, as long as there are not too many. The types of the parameters belong to it: the server keeps them. */
  named(text: string, parameters: readonly BoundColumn[]): { name: string } | Record<string, never> {
    const key = `${text}\0${parameters.map(({ typeOid, typmod }) => `${typeOid}:${typmod}`).join()}`
    const name = this.#names.get(key)
    if (name !== undefined) return { name }
    if (this.#prepared >= MOST) return {}
    if (!this.#names.has(key)) {
      // Those that came once are not remembered for ever.
      if (this.#names.size < 4 * MOST) this.#names.set(key, undefined)
      return {}
    }
    const next = `pgmove_apply_${++this.#prepared}`
    this.#names.set(key, next)
    return { name: next }
  }
}
