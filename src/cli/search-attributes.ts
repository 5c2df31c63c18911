import { SEARCH_ATTRIBUTES } from '../workflows/search-attributes.ts'
import { CliError } from './cli-error.ts'
import { EXIT } from './exit-code.ts'
import { grpcCode } from './request-error.ts'
import { reasonOf } from './temporal-connection.ts'
import type { Temporal } from './temporal-connection.ts'

/** `temporal.api.enums.v1.IndexedValueType` */
const KEYWORD = 2
/** `grpc.status` */
const ALREADY_EXISTS = 6
/** Those of `grpc.status` that say nothing of the request: deadline exceeded, unavailable. */
const PASSING: ReadonlySet<number> = new Set([4, 14])

/**
 * Registers what is missing of pgmove's search attributes, and returns their names. Several may do it at once.
 *
 * @throws CliError if one is there with another type, or the server does not let the caller register them
 */
export async function registerSearchAttributes({ client, namespace }: Temporal): Promise<string[]> {
  const { operatorService } = client.connection
  try {
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace })
    const types = customAttributes as Readonly<Record<string, number | undefined>>
    const other = SEARCH_ATTRIBUTES.filter((name) => types[name] !== undefined && types[name] !== KEYWORD)
    if (other.length > 0) throw refused(`${other.join(', ')} exist in the namespace ${namespace} with another type than Keyword`)
    const missing = SEARCH_ATTRIBUTES.filter((name) => types[name] === undefined)
    if (missing.length > 0) {
      const searchAttributes = Object.fromEntries(missing.map((name) => [name, KEYWORD]))
      await operatorService.addSearchAttributes({ namespace, searchAttributes })
    }
    return missing
  } catch (error) {
    const code = grpcCode(error)
    if (code === ALREADY_EXISTS) return []
    if (code === undefined || PASSING.has(code)) throw error
    throw refused(`Temporal refused: ${reasonOf(error)}`, error)
  }
}

function refused(why: string, cause?: unknown): CliError {
  const hint = `Migrations work without them. Whoever may change the namespace can register them: temporal operator search-attribute create ${searchAttributeFlags().join(' ')}`
  return new CliError(EXIT.failed, 'SearchAttributesRefused', `The search attributes were not registered: ${why}\n${hint}`, { cause })
}

/** For `temporal operator search-attribute create`. */
export function searchAttributeFlags(): string[] {
  return SEARCH_ATTRIBUTES.flatMap((name) => ['--name', name, '--type', 'Keyword'])
}
