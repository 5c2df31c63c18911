import type { ErrorKind, Side } from './error-kind.ts'
import { MigrationError } from './migration-error.ts'

/** By whole SQLSTATE first, then by its class (PostgreSQL documentation, appendix "PostgreSQL Error Codes"). */
const BY_STATE: Readonly<Record<string, ErrorKind>> = {
  '55P03': 'LockTimeout',
  '40P01': 'LockTimeout',
  '40001': 'LockTimeout',
  // Somebody's cancel, or the time limit of a heartbeat: pgmove's own aborts never come as this.
  '57014': 'LockTimeout',
  // Sessions are pinned to writing, so a server that refuses to is a standby, such as a primary after a switchover: its name will lead to the new one.
  '25006': 'ConnectionLost',
  '3D000': 'DatabaseMissing',
  '42501': 'InsufficientPrivilege',
  '57P01': 'ConnectionLost',
  '57P02': 'ConnectionLost',
  '57P03': 'ConnectionLost',
  '57P04': 'DatabaseMissing',
  '57P05': 'ConnectionLost',
  '25P03': 'ConnectionLost',
  '25P04': 'ConnectionLost',
  // A slot that another walsender still holds is let go when the server notices that its client is gone.
  '55006': 'ConnectionLost',
  '58P01': 'Internal',
}
const BY_CLASS: Readonly<Record<string, ErrorKind>> = {
  '08': 'ConnectionLost',
  '22': 'RejectedByTarget',
  '23': 'RejectedByTarget',
  '28': 'AuthenticationFailed',
  '38': 'RejectedByTarget',
  P0: 'RejectedByTarget',
  '53': 'OutOfResources',
}
const BY_SOCKET: ReadonlySet<string> = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN', 'ECONNABORTED',
  'ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'ENOENT', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END',
]) // prettier-ignore
const BY_TEXT =
  /connection terminated|connection ended|client was closed|not queryable|socket|timeout expired|connection timeout|terminating connection/i

function code(error: unknown): string | undefined {
  const value = (error as { code?: unknown } | null)?.code
  return typeof value === 'string' ? value : undefined
}

/** The SQLSTATE of a server's error, also through a MigrationError's cause; undefined if there is none. */
export function sqlState(error: unknown): string | undefined {
  for (let e = error; e instanceof Error; e = e.cause) {
    const state = code(e)
    if (state !== undefined && /^[0-9A-Z]{5}$/.test(state) && !/^E[A-Z]{4}$/.test(state)) return state
  }
  return undefined
}

/** What went wrong on `side`, as a MigrationError; one that already is goes through unchanged. */
export function classify(error: unknown, side: Side): MigrationError {
  if (error instanceof MigrationError) return error
  const state = sqlState(error)
  const message = error instanceof Error ? error.message : String(error)
  const place = { side, cause: error }
  const text = `On the ${side}: ${serverText(error, message)}`
  if (state !== undefined)
    return new MigrationError(BY_STATE[state] ?? BY_CLASS[state.slice(0, 2)] ?? 'Internal', `${text} (SQLSTATE ${state})`, place)
  const socket = code(error)
  if (error instanceof AggregateError && error.errors.some((e) => BY_SOCKET.has(code(e) ?? ''))) {
    return new MigrationError('ConnectionLost', text, place)
  }
  if ((socket !== undefined && BY_SOCKET.has(socket)) || BY_TEXT.test(message)) return new MigrationError('ConnectionLost', text, place)
  return new MigrationError('Internal', text, place)
}

/**
 * The server's primary message without what may quote a row: messages of the classes 22 (data exception) and 23
 * (constraint violation) can hold values, so only their constraint, table and column are named; and of what a user's function
 * raises only the function.
 */
function serverText(error: unknown, message: string): string {
  const fields = error as { schema?: string; table?: string; column?: string; constraint?: string; routine?: string; where?: string }
  const state = sqlState(error)
  if (state === undefined) return message.slice(0, 300)
  if (/^(P0|38)/.test(state) || fields.routine === 'exec_stmt_raise') {
    const [, place = 'a function'] = /^PL\/pgSQL (function .+?) line \d/m.exec(fields.where ?? '') ?? []
    return `${place.slice(0, 200)} raised an error`
  }
  if (!/^(22|23)/.test(state)) return message.slice(0, 300)
  const column = fields.column ?? copiedColumn(fields.where)
  const names = [
    fields.table && `table ${fields.schema ?? ''}.${fields.table}`,
    column !== undefined && `column ${column}`,
    fields.constraint && `constraint ${fields.constraint}`,
  ].filter(Boolean)
  return `${state.startsWith('22') ? 'a value was refused' : 'a constraint was violated'}${names.length ? ` (${names.join(', ')})` : ''}`
}

/** From the context that COPY gives, such as `COPY t, line 7, column c: "…"`: what follows the column is the value. */
function copiedColumn(where: string | undefined): string | undefined {
  return /^COPY .+?, line \d+, column (.+?)(?:: "|, null input|$)/m.exec(where ?? '')?.[1]
}
