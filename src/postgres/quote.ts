/** A quoted identifier; always quoted, so that no version's keyword list matters. */
export function ident(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** SQL for what `ident` makes of an expression's value; `quote_ident` quotes only where it must. */
export function identOf(expression: string): string {
  return `'"' || replace(${expression}, '"', '""') || '"'`
}

/** A schema-qualified, quoted name. */
export function qualified(schema: string, name: string): string {
  return `${ident(schema)}.${ident(name)}`
}

/**
 * A string constant for the few utility statements that take no parameters; right under standard_conforming_strings = on,
 * which every session of pgmove pins. A backslash makes it an E'' constant, which means the same under either setting.
 */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
  return text.includes('\\') ? `E${quoted}` : quoted
}
