import { parseConnectionUrl } from '../../postgres/connection-url.ts'
import type { ConnectionSpec } from '../../spec/migration-spec.ts'
import { usageError } from '../cli-error.ts'
import { connectionReference } from '../connection-reference.ts'

/** A connection as a spec may hold it, and the password that stood in its URL, which a spec may not. */
export interface GivenConnection {
  readonly connection: ConnectionSpec
  readonly password: string | undefined
}

/**
 * Reads an option that names a database. A password is taken out of a URL: the spec refers to `variable` instead.
 *
 * @throws CliError for a URL that can't be honoured; its message holds no part of it
 */
export function connectionOf(option: string, text: string, variable: string): GivenConnection {
  const given = connectionReference(text)
  if (!('url' in given)) return { connection: given, password: undefined }
  const { connection, problems, secrets } = parseConnectionUrl(given.url)
  if (problems[0]) throw usageError(`${option}: found ${problems[0].found}, expected ${problems[0].expected}.`)
  if (secrets.length === 0) return { connection: { url: given.url }, password: undefined }
  const url = withoutPassword(given.url)
  const rest = parseConnectionUrl(url)
  if (rest.secrets.length > 0 || rest.problems.length > 0 || connection.password === undefined) {
    throw usageError(`${option}: the URL holds a secret that can't be taken out. Put the whole URL into a variable, and give env:NAME.`)
  }
  return { connection: { url, password: { env: variable } }, password: connection.password }
}

function withoutPassword(url: string): string {
  return url
    .replace(/^(\w+:\/\/[^:@/?]*):[^@]*@/, '$1@')
    .replace(/([?&])password=[^&]*(&|$)/gi, (_, before: string, after: string) => (after === '' ? '' : before))
}

/** The database that a connection leads to, if its text tells. */
export function databaseOf({ connection }: GivenConnection): string | undefined {
  return 'url' in connection ? parseConnectionUrl(connection.url).connection.database : undefined
}
