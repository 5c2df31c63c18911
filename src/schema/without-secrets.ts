import type { TocEntry } from './archive-toc.ts'

const KINDS: ReadonlySet<string> = new Set(['USER MAPPING', 'SERVER', 'FOREIGN DATA WRAPPER'])
/** Names of options that hold secrets: `password`, `sslpassword`, `aws_secret_access_key`, `api_token`, … */
const SECRET = /passw|pwd|secret|token|credential|private_?key|api_?key|passphrase/i
/** Identifier, literal, word, white space, or any other character: enough for the statements that pg_dump writes for these kinds. */
const TOKEN = /"(?:[^"]|"")*"|E?'(?:[^']|'')*'|[\w$\u0080-\uffff]+|\s+|./gsu

export interface WithoutSecrets {
  readonly definition: string
  /** Names of the options that were taken out. */
  readonly removed: readonly string[]
}

/** The definition of a user mapping, server or foreign-data wrapper without options that hold secrets; any other as it is. */
export function withoutSecrets({ kind, definition }: Pick<TocEntry, 'kind' | 'definition'>): WithoutSecrets {
  if (!KINDS.has(kind)) return { definition, removed: [] }
  const tokens = definition.match(TOKEN) ?? []
  const words = tokens.flatMap((token, at) => (/^\s+$/.test(token) ? [] : [at]))
  const opening = words.findIndex((at, i) => tokens[at] === 'OPTIONS' && tokens[words[i + 1] ?? -1] === '(')
  if (opening === -1) return { definition, removed: [] }
  const kept: string[] = []
  const removed: string[] = []
  let next = opening + 2
  for (; tokens[words[next] ?? -1] !== ')' && next < words.length; next += 3) {
    const name = tokens[words[next] ?? -1] ?? ''
    const value = tokens[words[next + 1] ?? -1] ?? ''
    if (SECRET.test(name)) removed.push(name)
    else kept.push(`${name} ${value}`)
    // The last option has no comma behind it.
    if (tokens[words[next + 2] ?? -1] !== ',') next -= 1
  }
  if (removed.length === 0) return { definition, removed }
  const before = tokens.slice(0, words[opening]).join('').trimEnd()
  const after = tokens.slice((words[next] ?? tokens.length) + 1).join('')
  const options = kept.length === 0 ? '' : ` OPTIONS (\n    ${kept.join(',\n    ')}\n)`
  return { definition: `${before}${options}${after}`, removed }
}
