import type { HeartbeatRow } from './apply-stream.ts'
import type { RelationMessage } from './pgoutput-message.ts'
import type { Tuple } from './tuple.ts'

/** A row of one of pgmove's own tables on the source, by its columns' names. */
export function ownRow({ columns }: RelationMessage, tuple: Tuple): HeartbeatRow {
  return Object.fromEntries(
    columns.map(({ name }, i) => {
      const value = tuple.value(i)
      return [name, Buffer.isBuffer(value) ? value.toString('utf8') : null]
    }),
  )
}
