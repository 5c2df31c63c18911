import { loadModule, parseSync, scanSync } from 'libpg-query'
import { ident } from '../postgres/quote.ts'
import type { Tree } from './parse-tree.ts'

export interface Token {
  /** Position in the UTF-8 bytes of the text. */
  readonly start: number
  readonly end: number
  readonly text: string
  /** `IDENT` for plain and quoted identifiers, `SCONST` for string constants, `SQL_COMMENT`, `C_COMMENT`, …; keywords have `UNKNOWN`. */
  readonly kind: string
  readonly keyword: boolean
  /** A keyword that is an identifier of its own, without quotes. */
  readonly unreserved: boolean
}

let loading: Promise<void> | undefined

/** Loads PostgreSQL 18's parser (WebAssembly) once; everything that parses needs it first. */
export function loadParser(): Promise<void> {
  return (loading ??= loadModule())
}

/** The statements of a text; undefined where the grammar does not know them. */
export function parse(text: string): Tree | undefined {
  try {
    return parseSync(text) as unknown as Tree
  } catch {
    return undefined
  }
}

/** The tokens of a text; undefined where it can't be taken apart. */
export function scan(text: string): readonly Token[] | undefined {
  if (text === '') return []
  try {
    const bytes = Buffer.from(text)
    // The scanner's answer doesn't escape control characters; blanks keep the positions.
    // eslint-disable-next-line no-control-regex
    const plain = text.replaceAll(/[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, ' ')
    return scanSync(plain).tokens.map(({ start, end, tokenName, keywordKind }) => ({
      start,
      end,
      text: bytes.toString('utf8', start, end),
      kind: tokenName,
      keyword: keywordKind > 0,
      unreserved: keywordKind === 1,
    }))
  } catch {
    return undefined
  }
}

/** An identifier as pg_dump writes it: quoted where it has to be. */
export function plainIdent(name: string): string {
  const [token] = /^[a-z_][a-z0-9_]*$/.test(name) ? (scan(name) ?? []) : []
  return token && (!token.keyword || token.unreserved) ? name : ident(name)
}

/** The name that an identifier or keyword token stands for; undefined for other tokens. */
export function nameOf(token: Token): string | undefined {
  if (token.kind !== 'IDENT') return token.keyword ? token.text.toLowerCase() : undefined
  if (token.text.startsWith('"')) return token.text.slice(1, -1).replaceAll('""', '"')
  return token.text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())
}
