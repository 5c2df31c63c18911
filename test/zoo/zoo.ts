import { readdirSync, readFileSync } from 'node:fs'

const FOLDER = new URL('.', import.meta.url)
/** `--: 10+`, `--: 10-11`, `--: 18`: the major versions that know what follows, up to the next such line. */
const SECTION = /^--: (\d+)(?:(\+)|-(\d+))?$/

/**
 * SQL that makes a database with every kind of object that a server of this major version knows.
 *
 * @param known the newest words to use: those of an older major version, for a target that knows no more. Default: all
 */
export function zoo(major: number, { known = major }: { known?: number } = {}): string {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.sql')).sort() // prettier-ignore
  return files.map((name) => sectionsOf(readFileSync(new URL(name, FOLDER), 'utf8'), Math.min(major, known))).join('\n')
}

function sectionsOf(text: string, major: number): string {
  let applies = true
  const lines: string[] = []
  for (const line of text.split('\n')) {
    const section = SECTION.exec(line)
    if (section) {
      const [, from, open, to = from] = section
      applies = major >= Number(from) && (open !== undefined || major <= Number(to))
    } else if (applies) lines.push(line)
  }
  return lines.join('\n')
}
