import type { NameMap } from '../../mapping/name-map.ts'
import { ident, qualified } from '../../postgres/quote.ts'

const PART = String.raw`"(?:[^"]|"")+"|[a-z_][a-z0-9_]*`
const NAMES = new RegExp(String.raw`(${PART})\.(${PART})?`, 'g')

/**
 * Rewrites every schema-qualified name of a text in which PostgreSQL printed names of types, functions and operators; always quoted, since
 * versions quote differently. Not for SQL.
 */
export function mapNames(text: string, map: NameMap): string {
  return text.replace(NAMES, (_, schema: string, name: string | undefined) => {
    if (name === undefined) return `${ident(map.schema(plain(schema)))}.`
    const mapped = map.relation({ schema: plain(schema), name: plain(name) })
    return qualified(mapped.schema, mapped.name)
  })
}

function plain(part: string): string {
  return part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part
}
