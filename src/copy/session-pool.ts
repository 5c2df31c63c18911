import type { Database } from '../postgres/connect.ts'
import { JobLimit } from './job-limit.ts'

/** Sessions that jobs share, each one's at a time; the rest wait in the order they came. */
export class SessionPool {
  readonly #free: Database[]
  readonly #limit: JobLimit

  constructor(sessions: readonly Database[]) {
    this.#free = [...sessions]
    this.#limit = new JobLimit(sessions.length)
  }

  within<T>(work: (session: Database) => Promise<T>): Promise<T> {
    return this.#limit.within(async () => {
      const session = this.#free.pop()
      if (!session) throw new Error('a session is missing in its pool')
      try {
        return await work(session)
      } finally {
        this.#free.push(session)
      }
    })
  }
}
