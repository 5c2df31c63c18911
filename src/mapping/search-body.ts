import type { NameIndex } from './name-index.ts'
import type { RelationName } from './name-map.ts'
import { nameOf, scan } from './sql-parser.ts'
import type { Token } from './sql-parser.ts'

/** A place of a function's body that names something by the source's name. */
export interface Mention {
  /** As PL/pgSQL counts: the text behind the opening quote is line 1. */
  readonly line: number
  readonly text: string
}

interface Word {
  /** Undefined for what is no identifier. */
  readonly name: string | undefined
  readonly text: string
  readonly line: number
}

/**
 * Searches a body that can't be rewritten for mapped names: schemas before a dot, relations, and columns that are renamed or left
 * out. Whole identifiers count, in string constants too, since they may be executed; comments don't. Of languages other than SQL
 * and PL/pgSQL everything counts.
 */
export function searchBody(body: string, index: NameIndex, language: string): Mention[] {
  const words = (language === 'plpgsql' || language === 'sql' ? sqlWords(body, 1) : undefined) ?? plainWords(body)
  const found = new Map<string, Mention>()
  for (const [at, word] of words.entries()) {
    const text = mentionOf(words, at, index)
    if (text !== undefined) found.set(`${String(word.line)} ${text}`, { line: word.line, text: `mentions ${text}` })
  }
  return [...found.values()]
}

function mentionOf(words: readonly Word[], at: number, index: NameIndex): string | undefined {
  const name = words[at]?.name
  if (name === undefined || !index.names.has(name)) return undefined
  const qualifier = words[at - 1]?.text === '.' ? words[at - 2]?.name : undefined
  const next = words[at + 1]?.text === '.' ? words[at + 2]?.name : undefined
  if (qualifier !== undefined && index.schemas.has(qualifier)) return undefined
  if (next !== undefined && index.schemas.has(name))
    return `${name}.${next}, which is ${label(index, { schema: name, name: next })} on the target`
  const relations = index.relations.get(name)?.filter(({ schema }) => qualifier === undefined || schema === qualifier) ?? []
  const [relation] = relations
  if (relation) {
    const target = label(index, relation)
    const written = qualifier === undefined ? name : `${relation.schema}.${name}`
    const same = target === `${relation.schema}.${name}`
    return same ? `${written}, which has other columns on the target` : `${written}, which is ${target} on the target`
  }
  const tables = index.columns.get(name) ?? []
  if (tables.length === 0) return undefined
  // Which table a bare column belongs to can't be told.
  const places = tables.slice(0, MOST_TABLES).map((table) => {
    const target = index.map.column(table, name)
    return target === undefined ? `left out of ${label(index, table)}` : `${target} in ${label(index, table)} on the target`
  })
  const more = tables.length > MOST_TABLES ? ` or another name in ${tables.length - MOST_TABLES} more` : ''
  return `${name}, which is ${places.join(' or ')}${more}`
}

const MOST_TABLES = 3

function label({ map }: NameIndex, relation: RelationName): string {
  const { schema, name } = map.relation(relation)
  return `${schema}.${name}`
}

/** Identifiers and signs of SQL or PL/pgSQL; string constants are taken apart too. */
function sqlWords(text: string, firstLine: number): Word[] | undefined {
  const tokens = scan(text)
  if (!tokens) return undefined
  const bytes = Buffer.from(text)
  let line = firstLine
  let counted = 0
  return tokens.flatMap((token): Word[] => {
    line += newlines(bytes.toString('utf8', counted, token.start))
    counted = token.start
    if (token.kind === 'SQL_COMMENT' || token.kind === 'C_COMMENT') return []
    if (token.kind !== 'SCONST') return [{ name: nameOf(token), text: token.text, line }]
    const inner = stringContent(token)
    // A sign between keeps a constant apart from what stands around it.
    const sign = { name: undefined, text: "'", line }
    return [sign, ...(sqlWords(inner, line) ?? plainWords(inner, line)), sign]
  })
}

function stringContent({ text }: Token): string {
  const dollar = /^\$[^$]*\$/.exec(text)?.[0]
  if (dollar !== undefined) return text.slice(dollar.length, -dollar.length)
  const start = text.indexOf("'") + 1
  return text.slice(start, -1).replaceAll("''", "'")
}

function plainWords(text: string, firstLine = 1): Word[] {
  return text.split('\n').flatMap((row, index) =>
    [...row.matchAll(/"(?:[^"]|"")*"|[\p{L}_][\p{L}\p{M}\p{N}_$]*|\S/gu)].flatMap(([word]): Word[] => {
      const line = firstLine + index
      // In other languages a quoted text is a string that may hold names.
      if (word.length > 1 && word.startsWith('"')) {
        const inner = word.slice(1, -1)
        return [{ name: inner.replaceAll('""', '"'), text: word, line }, ...plainWords(inner, line)]
      }
      return [{ name: /^[\p{L}_]/u.test(word) ? word.toLowerCase() : undefined, text: word, line }]
    }),
  )
}

function newlines(text: string): number {
  return text.split('\n').length - 1
}
