import type { Database } from '../postgres/connect.ts'
import type { Check } from './check.ts'
import { passed, warning } from './finding.ts'

/** How a database compares text where no other collation is asked for. */
export interface DatabaseLocale {
  readonly provider: string
  readonly collate: string
  readonly ctype: string
}

const PROVIDERS: Readonly<Record<string, string>> = { c: 'libc', i: 'icu', b: 'builtin' }

export const databaseLocale: Check = {
  name: 'database_locale',
  expected: 'both databases compare and sort text by the same locale, where no other collation is asked for',
  run: async ({ source, target }) => {
    const [from, to] = [await readLocale(source), await readLocale(target)]
    const found = sameLocale(from, to) ? localeText(from) : `source ${localeText(from)}, target ${localeText(to)}`
    if (sameLocale(from, to)) return passed(found)
    return warning(
      found,
      'ORDER BY, comparisons, CHECK constraints, upper() and lower() of text, and which range partition a text belongs to, may come out otherwise on the target: ' +
        "create its database with the source's locale (template template0), or ignore this warning.",
    )
  },
}

async function readLocale(database: Database): Promise<DatabaseLocale> {
  const provider = database.version >= 150000 ? 'datlocprovider' : `'c'`
  const locale = database.version >= 170000 ? 'datlocale' : database.version >= 150000 ? 'daticulocale' : 'null'
  const [row] = await database.query<Record<'provider' | 'collate' | 'ctype', string> & { locale: string | null }>(
    `select ${provider} as provider, ${locale} as locale, datcollate as collate, datctype as ctype from pg_database where datname = current_database()`,
  )
  const { provider: code = 'c', locale: own = null, collate = '', ctype = '' } = row ?? {}
  return { provider: PROVIDERS[code] ?? code, collate: own ?? collate, ctype: own ?? ctype }
}

/** One locale has several spellings, such as en_US.UTF-8 and en_US.utf8, or C and POSIX. */
export function sameLocale(a: DatabaseLocale, b: DatabaseLocale): boolean {
  return a.provider === b.provider && spelled(a.collate) === spelled(b.collate) && spelled(a.ctype) === spelled(b.ctype)
}

function spelled(locale: string): string {
  if (locale === 'POSIX') return 'C'
  const [name = '', encoding] = locale.split('.')
  return encoding === undefined ? name : `${name}.${encoding.toLowerCase().replaceAll(/[^a-z0-9]/g, '')}`
}

function localeText({ provider, collate, ctype }: DatabaseLocale): string {
  return `${collate}${ctype === collate ? '' : ` (LC_CTYPE ${ctype})`} of ${provider}`
}
