import { scanSync } from 'libpg-query'

/**
 * A GRANT or REVOKE without the right MAINTAIN, which PostgreSQL has from 17 on; undefined if it is about nothing else. The parser
 * must be loaded.
 */
export function withoutMaintain(statement: string): string | undefined {
  const tokens = scanSync(statement).tokens
  const at = maintainAt(tokens.map(({ text }) => text.toLowerCase()))
  const [token, before, after] = [tokens[at], tokens[at - 1], tokens[at + 1]]
  if (!token || !before || !after) return statement
  const [from, to] = before.text === ',' ? [before.start, token.end] : [token.start, after.text === ',' ? after.end : token.end]
  if (before.text !== ',' && after.text !== ',') return undefined
  const bytes = Buffer.from(statement)
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]).toString('utf8')
}

/** Where the right stands: between GRANT or REVOKE and ON, which are reserved words, and not among the columns of another right. */
function maintainAt(words: readonly string[]): number {
  const begin = words.findIndex((word) => word === 'grant' || word === 'revoke')
  let depth = 0
  for (let at = begin + 1; begin !== -1 && at < words.length && words[at] !== 'on'; at++) {
    if (words[at] === '(') depth++
    else if (words[at] === ')') depth--
    else if (words[at] === 'maintain' && depth === 0) return at
  }
  return -1
}
