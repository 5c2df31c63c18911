/**
 * Settings that every session of pgmove pins, on both sides and on replication connections too, whatever the server, the
 * database and the role set: they decide how values print (each connection prints by its own) and that nothing but pgmove
 * ends a statement. Known to every version from 10 on, so they go into the startup packet's options.
 */
export const PINNED_SETTINGS: Readonly<Record<string, string>> = {
  datestyle: 'ISO,MDY',
  intervalstyle: 'postgres',
  extra_float_digits: '3',
  bytea_output: 'hex',
  timezone: 'UTC',
  lc_monetary: 'C',
  lc_numeric: 'C',
  lc_time: 'C',
  xmloption: 'content',
  xmlbinary: 'base64',
  standard_conforming_strings: 'on',
  search_path: '',
  // A read from which policies hide rows becomes an error instead of a loss.
  row_security: 'off',
  client_encoding: 'UTF8',
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  default_transaction_read_only: 'off',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  synchronize_seqscans: 'off',
  quote_all_identifiers: 'off',
  check_function_bodies: 'off',
}

/** Settings that newer versions added, by the server_version_num that has them first; an older server refuses a connection that names them. */
export const LATER_SETTINGS: readonly { readonly name: string; readonly value: string; readonly since: number }[] = [
  { name: 'jit', value: 'off', since: 110000 },
  { name: 'idle_session_timeout', value: '0', since: 140000 },
  { name: 'transaction_timeout', value: '0', since: 170000 },
]

/** All settings that a server of this version knows, with the caller's own over them. */
export function sessionSettings(version: number, own: Readonly<Record<string, string>> = {}): Record<string, string> {
  const later = LATER_SETTINGS.filter(({ since }) => version >= since).map(({ name, value }) => [name, value] as const)
  return { ...PINNED_SETTINGS, ...Object.fromEntries(later), ...own }
}

/** Settings as startup options; behind `before`, the URL's own, so that they win. Spaces and backslashes are escaped as PostgreSQL reads them. */
export function startupOptions(settings: Readonly<Record<string, string>>, before = ''): string {
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value.replaceAll(/[\\\s]/g, '\\$&')}`)
  return [before, ...options].filter((option) => option !== '').join(' ')
}
