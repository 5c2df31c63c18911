import { CliError } from './cli-error.ts'
import { EXIT } from './exit-code.ts'
import { reasonOf } from './temporal-connection.ts'

/** `grpc.status` */
const DEADLINE_EXCEEDED = 4
const PERMISSION_DENIED = 7
const FAILED_PRECONDITION = 9
const UNAVAILABLE = 14
const UNAUTHENTICATED = 16
/** With those that a server gives which is being stopped: cancelled, unknown, resource exhausted, aborted, internal. */
const PASSING: ReadonlySet<number> = new Set([DEADLINE_EXCEEDED, UNAVAILABLE, 1, 2, 8, 10, 13])

/** What a request that failed means to whoever ran the command; what is no failed request comes back as it is. */
export function requestError(error: unknown): unknown {
  if (error instanceof CliError) return error
  const code = grpcCode(error)
  const reason = reasonOf(error)
  if (code === UNAVAILABLE || code === DEADLINE_EXCEEDED) {
    return new CliError(EXIT.unreachable, 'TemporalUnreachable', `Temporal does not answer: ${reason}\nTry again; nothing else was done.`)
  }
  if (code === PERMISSION_DENIED || code === UNAUTHENTICATED) {
    const hint = 'Look at --api-key (TEMPORAL_API_KEY), the client certificate and the rights in the namespace.'
    return new CliError(EXIT.unreachable, 'TemporalRefused', `Temporal refuses the request: ${reason}\n${hint}`)
  }
  if (error instanceof Error && error.name === 'NamespaceNotFoundError') {
    return new CliError(EXIT.unreachable, 'NamespaceNotFound', `${reason}\n--namespace or TEMPORAL_NAMESPACE says which one.`)
  }
  if (/binary\/encrypted|^A payload (is encrypted|can't be decrypted)/.test(reason)) {
    const hint = 'PGMOVE_PAYLOAD_KEYS_FILE must name the file with the keys that the workers have.'
    return new CliError(EXIT.failed, 'Encrypted', `What Temporal stores of it can't be read here: ${reason}\n${hint}`)
  }
  return code === undefined ? error : new CliError(EXIT.failed, 'RequestFailed', `Temporal refused: ${reason}`)
}

/** The gRPC status code of an error or of what caused it. */
export function grpcCode(error: unknown): number | undefined {
  for (let one = error; one instanceof Error; one = one.cause) {
    const { code, details } = one as { code?: unknown; details?: unknown }
    if (typeof code === 'number' && typeof details === 'string') return code
  }
  return undefined
}

/** Temporal has no answer for now, or no worker has one: asking again later may help. */
export function isAbsence(error: unknown): boolean {
  return PASSING.has(grpcCode(error) ?? 0) || isNoWorker(error)
}

/** Newer servers tell at once that nobody polls the task queue. */
function isNoWorker(error: unknown): boolean {
  return grpcCode(error) === FAILED_PRECONDITION && /poller|worker/i.test(reasonOf(error))
}
