/** Where a text stops being JSON. */
export interface JsonProblem {
  /** Both count from 1. */
  readonly line: number
  readonly column: number
  readonly found: string
  readonly expected: string
}

class Stop extends Error {
  readonly at: number
  readonly expected: string

  constructor(at: number, expected: string) {
    super(expected)
    this.at = at
    this.expected = expected
  }
}

const STRING = /"(?:[^"\\\p{Cc}]|[\x7f-\x9f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const WORD = /true|false|null/y
const SPACE = /[ \t\r\n]*/y

/**
 * The first place where a text can't go on as JSON; undefined if it is JSON. V8's own messages quote the text around it, which may
 * hold a password.
 */
export function jsonProblem(text: string): JsonProblem | undefined {
  try {
    const end = skip(text, value(text, skip(text, 0)))
    if (end < text.length) throw new Stop(end, 'nothing more')
    return undefined
  } catch (error) {
    if (!(error instanceof Stop)) throw error
    const before = text.slice(0, error.at).split('\n')
    return { line: before.length, column: (before.at(-1) ?? '').length + 1, found: foundAt(text, error.at), expected: error.expected }
  }
}

function value(text: string, at: number): number {
  const first = text[at]
  if (first === '{') return members(text, at, '}', 'a key in double quotes', member)
  if (first === '[') return members(text, at, ']', 'a value', value)
  const end = match(STRING, text, at) ?? match(NUMBER, text, at) ?? match(WORD, text, at)
  if (end === undefined) throw new Stop(at, first === '"' ? 'a text that ends with a double quote on the same line' : 'a value')
  return end
}

function members(text: string, open: number, close: string, what: string, one: (text: string, at: number) => number): number {
  let at = skip(text, open + 1)
  if (text[at] === close) return at + 1
  for (;;) {
    if (text[at] === close) throw new Stop(at, `${what}: no comma may stand before "${close}"`)
    at = skip(text, one(text, at))
    if (text[at] === close) return at + 1
    if (text[at] !== ',') throw new Stop(at, `"," or "${close}"`)
    at = skip(text, at + 1)
  }
}

function member(text: string, at: number): number {
  const key = match(STRING, text, at)
  if (key === undefined) throw new Stop(at, 'a key in double quotes')
  const colon = skip(text, key)
  if (text[colon] !== ':') throw new Stop(colon, '":"')
  return value(text, skip(text, colon + 1))
}

function skip(text: string, at: number): number {
  return match(SPACE, text, at) ?? at
}

function match(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : undefined
}

/** One character, so that no value is told. */
function foundAt(text: string, at: number): string {
  const character = String.fromCodePoint(text.codePointAt(at) ?? 0)
  return at >= text.length
    ? 'the end of the text'
    : character === '\n' || character === '\r'
      ? 'the end of the line'
      : JSON.stringify(character)
}
