import { clientProgram } from '../postgres/client-program.ts'
import type { Check } from './check.ts'
import { failed, passed } from './finding.ts'
import { majorOf, versionText } from './server-version.ts'

const NEWEST = 18

/** An older server than 10 is refused when connecting. */
export const versions: Check = {
  name: 'versions',
  expected: `PostgreSQL 10 to ${NEWEST} on both sides`,
  run: async ({ source, target }) => {
    const found = `source ${versionText(source.version)}, target ${versionText(target.version)}`
    const tooNew = Math.max(majorOf(source.version), majorOf(target.version)) > NEWEST
    return tooNew ? failed(found, 'Use a version of pgmove that knows this server.') : passed(found)
  },
}

export const pgDump: Check = {
  name: 'pg_dump',
  expected: 'a pg_dump on the worker that is not older than either server',
  applies: ({ schema }) => schema,
  run: async ({ source, target }) => {
    const major = majorOf(Math.max(source.version, target.version))
    try {
      await clientProgram('pg_dump', major)
      return passed(`pg_dump ${major} or newer`)
    } catch (error) {
      return failed('none', error instanceof Error ? error.message : `Install the PostgreSQL ${major} client programs on the worker.`)
    }
  },
}
