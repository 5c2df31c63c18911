import type { DescribedType } from './type-reference.ts'

/** A file of docs/reference. */
export interface ReferenceFile {
  readonly file: string
  readonly text: string
}

/** By what every reference is written. */
export const WRITTEN_BY = 'by `node --import tsx dev/reference/write-reference.ts`'

export function page(title: string, ...parts: string[]): string {
  return `${[`# ${title}`, ...parts].join('\n\n')}\n`
}

export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n')
}

/** What stands between backticks is left as it is, but for the mark between columns. */
function cell(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part) => part.replace(part.startsWith('`') ? /\|/g : /[\\*|<]/g, '\\$&'))
    .join('')
}

/** A section for a type, where names of others that have one are links. */
export function typeSection({ name, meaning, fields }: DescribedType, others: readonly string[]): string {
  const linked = (type: string): string =>
    others.reduce(
      (text, other) => (other === name ? text : text.replace(new RegExp(`\\b${other}\\b`), `[${other}](#${other.toLowerCase()})`)),
      type,
    )
  const rows = fields.map(({ path, type, optional, meaning: text }) => [
    `\`${path}\``,
    `${linked(type)}${optional ? ', or absent' : ''}`,
    text,
  ])
  return `## ${name}\n\n${meaning}\n\n${table(['field', 'type', 'meaning'], rows)}`
}
