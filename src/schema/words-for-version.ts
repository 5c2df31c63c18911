import type { TocEntry } from './archive-toc.ts'
import { IDENT, NAME } from './dumped-name.ts'
import { inheritedNotNull } from './inherited-not-null.ts'

const LITERAL = String.raw`E?'(?:[^']|'')*'`

/** What pg_dump writes that servers older than `since` don't know, and that can be said in older words or left out without harm. */
const NEWER: readonly {
  readonly since: number
  readonly kinds: readonly string[]
  readonly words: RegExp
  readonly as: string
  /** What is lost; none if the older words say the same. */
  readonly lost?: string
}[] = [
  { since: 110000, kinds: ['TRIGGER'], words: / EXECUTE FUNCTION (?=[^;]*;)/g, as: ' EXECUTE PROCEDURE ' },
  {
    since: 110000,
    kinds: ['INDEX'],
    words: new RegExp(`\\nALTER INDEX ${NAME} ALTER COLUMN \\d+ SET STATISTICS \\d+;`, 'gu'),
    as: '',
    lost: 'the statistics target of an index column',
  },
  {
    since: 130000,
    kinds: ['STATISTICS'],
    words: new RegExp(`\\nALTER STATISTICS ${NAME} SET STATISTICS \\d+;`, 'gu'),
    as: '',
    lost: 'its statistics target',
  },
  { since: 140000, kinds: ['TYPE'], words: new RegExp(`,\\n {4}multirange_type_name = ${NAME}(?=,?\\n)`, 'gu'), as: '' },
  {
    since: 140000,
    kinds: ['TABLE', 'MATERIALIZED VIEW'],
    words: new RegExp(`\\nALTER TABLE ONLY ${NAME} ALTER COLUMN ${IDENT} SET COMPRESSION \\w+;`, 'gu'),
    as: '',
    lost: "a column's compression method",
  },
  { since: 150000, kinds: ['SEQUENCE'], words: /^CREATE UNLOGGED SEQUENCE /gm, as: 'CREATE SEQUENCE ', lost: 'UNLOGGED' },
]

const SINCE_NOT_NULL_CONSTRAINTS = 180000

/** A text in which nothing of `NEWER` may be looked for: a literal could hold the same words. */
const QUOTED = new RegExp(LITERAL, 'u')

/** The definition in words that a server of `version` knows, and what of it is lost. */
export function wordsForVersion(
  { kind, definition }: Pick<TocEntry, 'kind' | 'definition'>,
  version: number,
): { readonly definition: string; readonly lost: readonly string[] } {
  let text = definition
  const lost: string[] = []
  for (const newer of NEWER) {
    if (version >= newer.since || !newer.kinds.includes(kind)) continue
    const older = replaceOutsideLiterals(text, newer.words, newer.as)
    if (older !== text && newer.lost !== undefined) lost.push(newer.lost)
    text = older
  }
  if (version < SINCE_NOT_NULL_CONSTRAINTS && (kind === 'TABLE' || kind === 'FOREIGN TABLE')) text = outsideLiterals(text, inheritedNotNull)
  return { definition: text, lost }
}

function replaceOutsideLiterals(text: string, words: RegExp, as: string): string {
  return outsideLiterals(text, (bare) => bare.replaceAll(words, as))
}

function outsideLiterals(text: string, change: (bare: string) => string): string {
  if (!QUOTED.test(text)) return change(text)
  // Literals stand aside under a character that no identifier of PostgreSQL can have.
  const literals: string[] = []
  const bare = text.replaceAll(new RegExp(LITERAL, 'gu'), (literal) => `\0${literals.push(literal) - 1}\0`)
  return change(bare).replaceAll(/\0(\d+)\0/g, (_, at: string) => literals[Number(at)] ?? '')
}
