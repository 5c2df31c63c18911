import { ident } from '../postgres/quote.ts'
import type { NameMap } from './name-map.ts'

const IDENT = String.raw`(?:"(?:[^"]|"")*"|[a-z_\u0080-\uffff][a-z0-9_$\u0080-\uffff]*)`
/** What format_type() prints under an empty search_path of a type outside pg_catalog: modifier and brackets come behind. */
const QUALIFIED = new RegExp(`^(${IDENT})\\.(${IDENT})(?=[([]|$)`, 'u')

/**
 * The target's name of a type that format_type() printed, quoted in one way whatever keywords a version has, so that it can be compared
 * with another one that went through this function. Built-in types stay as they are.
 */
export function mappedType(type: string, names: NameMap): string {
  return type.replace(QUALIFIED, (_, schema: string, name: string) => {
    const target = names.relation({ schema: unquoted(schema), name: unquoted(name) })
    return `${quotedIfNeeded(target.schema)}.${quotedIfNeeded(target.name)}`
  })
}

/** The same for a person to read, or to compare with what PostgreSQL prints: a type that the map does not touch stays as it is. */
export function targetType(type: string, names: NameMap): string {
  const [, schema, name] = QUALIFIED.exec(type) ?? []
  if (schema === undefined || name === undefined) return type
  return names.touches({ schema: unquoted(schema), name: unquoted(name) }) ? mappedType(type, names) : type
}

function unquoted(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name
}

function quotedIfNeeded(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : ident(name)
}
