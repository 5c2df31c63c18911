import { MigrationError } from '../errors/migration-error.ts'

const SHOWN = 3
const NAME = 160

/**
 * The error that leads from a cutover back to replication.
 *
 * @param what what is wrong on the target, such as `rows lack the row that they refer to`
 * @param broken the constraints; the first few are named
 */
export function validationFailed(what: string, broken: readonly string[]): MigrationError {
  const names = broken.slice(0, SHOWN).map((name) => (name.length <= NAME ? name : `${name.slice(0, NAME - 1)}…`))
  const more = broken.length > SHOWN ? ` and ${broken.length - SHOWN} more` : ''
  return new MigrationError(
    'ValidationFailed',
    `On the target, ${what}: ${names.join('; ')}${more}. pgmove goes back to incremental replication. Find the cause, then send the signal cutover again, or cancel.`,
    { side: 'target' },
  )
}
