import { readFile, stat } from 'node:fs/promises'
import { Secret } from './secret.ts'

/** What a password is looked up by; `host` is `localhost` for the default Unix socket directory. */
export interface PasswordQuery {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
}

/** Lines of a password file, or why libpq would ignore it; undefined if there is no such file. */
export type PasswordFile = { readonly lines: readonly string[] } | { readonly ignored: string } | undefined

/**
 * Reads a password file under libpq's rules (PostgreSQL documentation, "The Password File"): ignored if it is no plain
 * file or its group or others may read it. The package pgpass ignores every file while PGPASSWORD is set, reads only
 * PGPASSFILE and drops short lines.
 */
export async function readPasswordFile(path: string): Promise<PasswordFile> {
  try {
    const { mode } = await stat(path)
    if ((mode & 0o170000) !== 0o100000) return { ignored: `the password file ${path} is no plain file` }
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      return { ignored: `the password file ${path} may be read by others: chmod 600 it` }
    return { lines: (await readFile(path, 'utf8')).split(/\r?\n/) }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : { ignored: `the password file ${path} can not be read (${code})` }
  }
}

/** The password of the first line that fits; undefined if none does. */
export function passwordOf(lines: readonly string[], { host, port, database, user }: PasswordQuery): Secret | undefined {
  const wanted = [host, String(port), database, user]
  for (const line of lines) {
    if (line.startsWith('#')) continue
    const fields = splitLine(line)
    const password = fields[4]
    if (password === undefined || password.value === '') continue
    if (wanted.every((value, index) => fields[index]?.raw === '*' || fields[index]?.value === value)) return new Secret(password.value)
  }
  return undefined
}

interface Field {
  readonly raw: string
  readonly value: string
}

/** Splits at `:`; `\:` and `\\` stand for the character itself. The fifth field goes on to the end of the line. */
function splitLine(line: string): Field[] {
  const fields: Field[] = []
  let start = 0
  for (let at = 0; at <= line.length; at++) {
    if (line.charAt(at) === '\\') at++
    else if (at === line.length || (line.charAt(at) === ':' && fields.length < 4)) {
      fields.push(field(line.slice(start, at)))
      start = at + 1
    }
  }
  if (start < line.length) fields.push(field(line.slice(start)))
  return fields
}

const field = (raw: string): Field => ({ raw, value: raw.replaceAll(/\\(.)/g, '$1') })
