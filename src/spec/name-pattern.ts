/** One element of a pattern: a character that must match, or any run of characters. */
type Token = { readonly literal: string } | 'any'

/** Only `*` is special; `\*` is a literal star; a backslash before anything else stands for itself. */
function tokens(pattern: string): Token[] {
  const result: Token[] = []
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern.charAt(at)
    if (char === '*') result.push('any')
    else if (char === '\\' && pattern.charAt(at + 1) === '*') result.push({ literal: pattern.charAt(++at) })
    else result.push({ literal: char })
  }
  return result
}

/** Whether the pattern has a `*` that is not escaped. */
export function isPattern(pattern: string): boolean {
  return tokens(pattern).includes('any')
}

/** The characters of a pattern without its wildcards: for one without `*`, the name that it means. */
export function literalPart(pattern: string): string {
  return tokens(pattern)
    .map((token) => (token === 'any' ? '' : token.literal))
    .join('')
}

/** The pattern that matches exactly `name`. */
export function escapePattern(name: string): string {
  return name.replaceAll('*', '\\*')
}

/** Whether the whole name matches; upper and lower case differ, as in PostgreSQL's catalogue. Linear in pattern × name. */
export function matchesPattern(pattern: string, name: string): boolean {
  const wanted = tokens(pattern)
  let at = 0
  let token = 0
  // Where to go on if what follows the last `*` doesn't match: that star then takes one more character.
  let retry: { token: number; at: number } | undefined
  while (at < name.length) {
    const next = wanted[token]
    if (next === 'any') {
      retry = { token: ++token, at }
    } else if (next !== undefined && next.literal === name.charAt(at)) {
      token++
      at++
    } else if (retry) {
      token = retry.token
      at = ++retry.at
    } else return false
  }
  return wanted.slice(token).every((rest) => rest === 'any')
}

/** The pattern as a regular expression of PostgreSQL for a whole name. */
export function patternExpression(pattern: string): string {
  return tokens(pattern)
    .map((token) => (token === 'any' ? '.*' : token.literal.replace(/[!-/:-@[-^`{-~]/, '\\$&')))
    .join('')
}
