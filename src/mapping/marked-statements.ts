import { ident } from '../postgres/quote.ts'
import { Obstacle } from './obstacle.ts'
import { isTree, sameTree, stringAt } from './parse-tree.ts'
import type { Tree, TreeValue } from './parse-tree.ts'
import { nameOf, parse, scan } from './sql-parser.ts'
import type { Token } from './sql-parser.ts'

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** An identifier of the text, replaced by a mark of its own that leads from the place in the tree back to the place in the text. */
interface Mark {
  readonly start: number
  readonly end: number
  readonly original: string
  replacement: string | undefined
}

/**
 * A parsed text whose names can be changed in the tree and in the text at once. The parser gives few positions, so identifiers are
 * first replaced by unique marks, and the tree of that text tells where each of them stands: exact for every statement that the
 * grammar knows, and the rest of the text stays as it was.
 */
export class MarkedStatements {
  /** With the original names; change names by `rename` only. */
  readonly tree: Tree
  readonly #bytes: Buffer
  readonly #marks: readonly Mark[]
  readonly #places = new Map<Tree, Map<string, Mark>>()
  readonly #edits: Edit[] = []
  readonly #text: string
  #tokens: readonly Token[] | undefined

  private constructor(text: string, tree: Tree, marks: readonly Mark[], prefix: string) {
    this.#text = text
    this.#bytes = Buffer.from(text)
    this.tree = tree
    this.#marks = marks
    this.#unmark(tree, prefix)
  }

  /** Undefined where the grammar does not know the text. */
  static parse(text: string, names: ReadonlySet<string>): MarkedStatements | undefined {
    const plain = parse(text)
    const tokens = plain && scan(text)
    if (!plain || !tokens) return undefined
    let prefix = 'pgm_'
    while (text.toLowerCase().includes(prefix)) prefix += 'x_'
    const candidates = tokens.filter((token) => names.has(nameOf(token) ?? ''))
    const bytes = Buffer.from(text)
    const all = markedText(bytes, candidates, prefix)
    const tree = parse(all.text)
    if (tree && sameTree(plain, withoutMarks(tree, candidates, prefix))) return new MarkedStatements(all.text, tree, all.marks, prefix)
    // Some of the words are no names here (keywords, PUBLIC): those are left alone.
    const free = candidates.filter((token) => {
      const single = parse(markedText(bytes, [token], prefix).text)
      return single !== undefined && sameTree(plain, withoutMarks(single, [token], prefix))
    })
    const some = markedText(bytes, free, prefix)
    const again = parse(some.text)
    return again && sameTree(plain, withoutMarks(again, free, prefix))
      ? new MarkedStatements(some.text, again, some.marks, prefix)
      : undefined
  }

  /** The tokens of the marked text; positions in the tree point to them. */
  get tokens(): readonly Token[] {
    return (this.#tokens ??= (scan(this.#text) ?? []).filter(({ kind }) => kind !== 'SQL_COMMENT' && kind !== 'C_COMMENT'))
  }

  /** Whether anything was changed. */
  get changed(): boolean {
    return this.#edits.length > 0 || this.#marks.some(({ replacement }) => replacement !== undefined)
  }

  /** Whether the text has the word, in any sense. */
  hasWord(word: string): boolean {
    return this.tokens.some((token) => nameOf(token) === word)
  }

  /** Gives the name in a field of a node another value. */
  rename(holder: Tree, field: string, to: string): void {
    if (holder[field] === to) return
    const mark = this.#markOf(holder, field)
    if (mark.replacement !== undefined && mark.replacement !== to) throw new Obstacle('one word stands for two names')
    mark.replacement = to
    holder[field] = to
  }

  /** Index of the token that a name in the tree came from. */
  tokenOf(holder: Tree, field: string): number {
    const { start } = this.#markOf(holder, field)
    return this.tokenAt(start)
  }

  /** Index of the token at a position of the tree. */
  tokenAt(position: number): number {
    const index = this.tokens.findIndex(({ start }) => start === position)
    if (index < 0) throw new Obstacle('a position of the tree has no token')
    return index
  }

  /** Inserts text behind a token. */
  insertAfter(token: number, text: string): void {
    const end = this.tokens[token]?.end ?? 0
    this.#edits.push({ start: end, end, text })
  }

  /** Replaces the bytes from one position to another. */
  replace(start: number, end: number, text: string): void {
    this.#edits.push({ start, end, text })
  }

  /** The text with all changes; `quote` writes a name as an identifier. */
  textWith(quote: (name: string) => string = ident): string {
    const names = this.#marks.map(({ start, end, original, replacement }) => ({
      start,
      end,
      text: replacement === undefined ? original : quote(replacement),
    }))
    const spans = this.#edits.filter(({ start, end }) => end > start)
    const inside = (edit: Edit) => spans.some((span) => span !== edit && span.start <= edit.start && edit.end <= span.end)
    const edits = [...names, ...this.#edits].filter((edit) => !inside(edit)).sort((a, b) => a.start - b.start || a.end - b.end)
    const parts: string[] = []
    let at = 0
    for (const { start, end, text } of edits) {
      parts.push(this.#bytes.toString('utf8', at, start), text)
      at = end
    }
    return parts.join('') + this.#bytes.toString('utf8', at)
  }

  #markOf(holder: Tree, field: string): Mark {
    const mark = this.#places.get(holder)?.get(field)
    if (!mark) throw new Obstacle(`the name ${stringAt(holder, field) ?? ''} is used as a keyword`)
    return mark
  }

  #unmark(value: TreeValue, prefix: string): void {
    if (Array.isArray(value)) for (const item of value) this.#unmark(item, prefix)
    else if (isTree(value)) {
      for (const [field, inner] of Object.entries(value)) {
        if (typeof inner !== 'string') this.#unmark(inner, prefix)
        else if (inner.startsWith(prefix)) {
          const mark = this.#marks[Number(inner.slice(prefix.length))]
          if (!mark) continue
          value[field] = nameOfText(mark.original)
          const places = this.#places.get(value) ?? new Map<string, Mark>()
          this.#places.set(value, places.set(field, mark))
        }
      }
    }
  }
}

function markedText(bytes: Buffer, tokens: readonly Token[], prefix: string): { text: string; marks: Mark[] } {
  const parts: string[] = []
  const marks: Mark[] = []
  let at = 0
  let length = 0
  const push = (part: string): void => {
    parts.push(part)
    length += Buffer.byteLength(part)
  }
  for (const [index, { start, end, text }] of tokens.entries()) {
    push(bytes.toString('utf8', at, start))
    const from = length
    push(`${prefix}${String(index)}`)
    marks.push({ start: from, end: length, original: text, replacement: undefined })
    at = end
  }
  push(bytes.toString('utf8', at))
  return { text: parts.join(''), marks }
}

function withoutMarks(value: TreeValue, tokens: readonly Token[], prefix: string): TreeValue {
  if (typeof value === 'string' && value.startsWith(prefix)) {
    const token = tokens[Number(value.slice(prefix.length))]
    return token ? nameOf(token) : value
  }
  if (Array.isArray(value)) return value.map((item) => withoutMarks(item, tokens, prefix))
  if (!isTree(value)) return value
  return Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, withoutMarks(inner, tokens, prefix)]))
}

function nameOfText(text: string): string {
  if (text.startsWith('"')) return text.slice(1, -1).replaceAll('""', '"')
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())
}
