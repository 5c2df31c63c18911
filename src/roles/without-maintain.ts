import { scanSync } from 'libpg-query'

/**
 * A GRANT or REVOKE without the right MAINTAIN, which PostgreSQL has from 17 on; undefined if it is about nothing else. The parser
 * must be loaded.
 */
export function withoutMaintain(statement: string): string | undefined {
  const tokens = scanSync(statement).tokens
  const on = tokens.findIndex(({ text }) => text.toLowerCase() === 'on')
  const at = tokens.findIndex(({ text }, i) => i < on && text.toLowerCase() === 'maintain')
  const [token, before, after] = [tokens[at], tokens[at - 1], tokens[at + 1]]
  if (!token || !before || !after) return statement
  const [from, to] = before.text === ',' ? [before.start, token.end] : [token.start, after.text === ',' ? after.end : token.end]
  if (before.text !== ',' && after.text !== ',') return undefined
  const bytes = Buffer.from(statement)
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]).toString('utf8')
}
