import { inheritedNotNull } from './inherited-not-null.ts'
import { sameStatements } from './same-statements.ts'

const SINCE_EXECUTE_FUNCTION = 110000
const SINCE_PLAIN_BIT_STRINGS = 110000
const SINCE_MULTIRANGES = 140000
const SINCE_IN_ARGUMENTS = 140000
const SINCE_SQL_WORDS = 140000
const SINCE_NOT_NULL_NAMES = 180000

/** What an older server can't say, by the version that says it. */
const NEWER_WORDS: readonly { readonly since: number; readonly kind: string; readonly words: RegExp; readonly as: string }[] = [
  { since: SINCE_EXECUTE_FUNCTION, kind: 'TRIGGER', words: / EXECUTE PROCEDURE /g, as: ' EXECUTE FUNCTION ' },
  { since: SINCE_PLAIN_BIT_STRINGS, kind: 'TABLE', words: /(?<![\w"$'])B(?='[01]*'::)/g, as: '' },
  { since: SINCE_PLAIN_BIT_STRINGS, kind: 'DEFAULT', words: /(?<![\w"$'])B(?='[01]*'::)/g, as: '' },
  { since: SINCE_IN_ARGUMENTS, kind: 'PROCEDURE', words: /(?<=^CREATE PROCEDURE .*[(,] ?)IN (?=.*\)$)/gm, as: '' },
  { since: SINCE_MULTIRANGES, kind: 'TYPE', words: /,\n {4}multirange_type_name = [^\n]*?(,?)(?=\n)/g, as: '$1' },
  { since: SINCE_NOT_NULL_NAMES, kind: 'TABLE', words: / CONSTRAINT (?:"(?:[^"]|"")*"|\S+) NOT NULL/g, as: ' NOT NULL' },
]

/**
 * Whether two definitions by the same pg_dump say the same. Servers of different versions word some of them differently, and
 * give names that the older one doesn't know.
 */
export function sameText(kind: string, source: string, target: string, versions: readonly [source: number, target: number]): boolean {
  const words = NEWER_WORDS.filter(
    (newer) => newer.kind === kind && Math.min(...versions) < newer.since && newer.since <= Math.max(...versions),
  )
  const plain = (definition: string) =>
    words.reduce((text, newer) => text.replaceAll(newer.words, newer.as), inOrder(kind, definition.trim(), versions))
  const [one, other] = [plain(source), plain(target)]
  if (one === other) return true
  const acrossSqlWords = Math.min(...versions) < SINCE_SQL_WORDS && SINCE_SQL_WORDS <= Math.max(...versions)
  return acrossSqlWords && sameStatements(one, other)
}

const INHERITING = /^(CREATE (?:UNLOGGED )?TABLE [^\n]* \()([^]*?)(\n\)\nINHERITS \()/
const OWN_NOT_NULL = /(?: CONSTRAINT (?:"(?:[^"]|"")*"|\S+))? NOT NULL(?=,?\n)|\nALTER TABLE ONLY [^\n]* SET NOT NULL;(?=\n|$)/g

/**
 * The definition with its columns sorted if the table inherits: pg_dump's definition of a table that got its parent later (ALTER
 * TABLE … INHERIT) makes the inherited columns first, and reads differently from then on. Rows are copied by the columns' names.
 * Of a NOT NULL that the parent has too, only 18 and later tell that it is the child's own.
 */
function inOrder(kind: string, definition: string, versions: readonly [number, number]): string {
  if (kind !== 'TABLE') return definition
  const acrossNames = Math.min(...versions) < SINCE_NOT_NULL_NAMES && SINCE_NOT_NULL_NAMES <= Math.max(...versions)
  if (!INHERITING.test(definition)) return definition
  const older = Math.min(...versions) < SINCE_NOT_NULL_NAMES ? inheritedNotNull(definition).trim() : definition
  const comparable = acrossNames ? older.replaceAll(OWN_NOT_NULL, '').trim() : older
  return comparable.replace(
    INHERITING,
    (_, before: string, columns: string, after: string) => `${before}${columns.split(/,?\n/).sort().join('\n')}${after}`,
  )
}
