import { MigrationError } from '../errors/migration-error.ts'

/** The server ended the stream in good order, as it does when it shuts down. */
export function streamEnded(slot: string): MigrationError {
  const text = `On the source: the server ended the change stream of slot ${slot}. pgmove connects again within the reconnect window.`
  return new MigrationError('ConnectionLost', text, { side: 'source' })
}

/** The server said nothing for `seconds`, though asked for an answer. */
export function streamSilent(slot: string, seconds: number): MigrationError {
  const text =
    `On the source: nothing came on the change stream of slot ${slot} for ${seconds} s, though asked for. ` +
    'pgmove connects again within the reconnect window.'
  return new MigrationError('ConnectionLost', text, { side: 'source' })
}

/** The server goes on without the publication's changes, with the warning `notice`. */
export function publicationSkipped({ slot, publication }: { slot: string; publication: string }, notice: string): MigrationError {
  const text =
    `On the source: the publication ${publication} is missing (${notice.slice(0, 200)}), so the change stream of slot ${slot} would go on ` +
    'without its changes. Nothing more is applied. The changes since it was dropped are lost to this migration: start it again.'
  return new MigrationError('Internal', text, {
    side: 'source',
    hint: 'Cancel the migration and start it again with "existing": "replace".',
  })
}
