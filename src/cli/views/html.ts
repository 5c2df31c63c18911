/** A piece of HTML that is safe to put into a page as it is: made by `html`, or a constant. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** What a place in a page can be filled with; lists are put one after another, null is nothing. */
export type HtmlValue = Html | string | number | null | readonly HtmlValue[]

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/**
 * HTML from a template: whatever is filled in is text, or an attribute's value in quotes, unless it was made by `html` itself. Characters that HTML has
 * no place for, and those that turn the direction of text, are replaced.
 */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Html(strings.map((text, index) => text + (index < values.length ? filled(values[index] ?? null) : '')).join(''))
}

function filled(value: HtmlValue): string {
  if (value === null) return ''
  if (value instanceof Html) return value.text
  if (typeof value === 'object') return value.map(filled).join('')
  return escaped(String(value))
}

function escaped(text: string): string {
  const shown = text.replace(/(?![\n\t])[\p{Cc}\p{Cs}\u202A-\u202E\u2066-\u2069]/gu, '\uFFFD')
  return shown.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}
