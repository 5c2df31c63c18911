import { stripVTControlCharacters } from 'node:util'

/** East Asian wide and fullwidth characters, as Unicode's EastAsianWidth.txt has them, in ranges that leave out what terminals show narrow. */
const WIDE =
  /^[\u1100-\u115F\u2E80-\u303E\u3041-\u33FF\u3400-\u4DBF\u4E00-\u9FFF\uA000-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{16FE0}-\u{18AFF}\u{1B000}-\u{1B2FF}\u{20000}-\u{3FFFD}]/u
const EMOJI = /^\p{Emoji_Presentation}|\uFE0F/u
/** What takes no place: control characters, marks on their own, formatting. */
const EMPTY = /^[\p{Cc}\p{Cf}\p{Mn}\p{Me}]+$/u
/** Most text: then a character is a column. */
const PLAIN = /^[\x20-\x7e]*$/

const segmenter = new Intl.Segmenter()

/** The characters of a text as a reader counts them, without terminal codes. */
export function characters(text: string): string[] {
  return Array.from(segmenter.segment(stripVTControlCharacters(text)), ({ segment }) => segment)
}

/** Columns that a text takes on a terminal. */
export function textWidth(text: string): number {
  if (PLAIN.test(text)) return text.length
  return characters(text).reduce((width, character) => width + characterWidth(character), 0)
}

function characterWidth(character: string): number {
  if (EMPTY.test(character)) return 0
  return WIDE.test(character) || EMOJI.test(character) ? 2 : 1
}

/** The text with spaces behind it, `width` columns wide; a longer one stays as it is. */
export function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)))
}

/** At most `width` columns of a text; what was cut off is marked by an ellipsis. */
export function shortened(text: string, width: number): string {
  if (textWidth(text) <= width) return text
  return `${head(text, width - 1)[0]}…`
}

/** Lines of at most `width` columns, broken between words, or inside a word that is longer; line breaks in the text stay. */
export function wrapped(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => wrappedLine(printable(line), Math.max(1, width)))
}

/** Control characters of names and messages must not reach the terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/gu, '\uFFFD')
}

function wrappedLine(line: string, width: number): string[] {
  const lines: string[] = []
  let current: string | undefined
  for (const word of line.split(' ')) {
    const joined = current === undefined ? word : `${current} ${word}`
    if (textWidth(joined) <= width) {
      current = joined
      continue
    }
    if (current?.trim()) lines.push(current)
    current = word
    while (textWidth(current) > width) {
      const [first, rest] = head(current, width)
      lines.push(first)
      current = rest
    }
  }
  return [...lines, current ?? '']
}

/** The first `width` columns, at least one character, and the rest. */
function head(text: string, width: number): [string, string] {
  let used = 0
  let taken = ''
  const all = characters(text)
  for (const [index, character] of all.entries()) {
    used += characterWidth(character)
    if (used > width && index > 0) return [taken, all.slice(index).join('')]
    taken += character
  }
  return [taken, '']
}
