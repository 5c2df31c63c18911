import type { Check } from './check.ts'
import { failed, passed, warning } from './finding.ts'
import { leftOutProblems } from './left-out-problems.ts'
import { readMappedBodies } from './mapped-bodies.ts'
import { nameClashes } from './name-clashes.ts'
import type { PrecheckContext } from './precheck-context.ts'

const isMapped = ({ names }: PrecheckContext): boolean => names.changes

export const mappedNames: Check = {
  name: 'mapped_names',
  expected: 'every object gets a name of its own on the target, which nothing else has there',
  applies: isMapped,
  run: async (context) => {
    const { twice, taken } = await nameClashes(context)
    if (twice.length === 0 && taken.length === 0) return passed('all are free')
    const found = [
      ...(twice.length > 0 ? [`${twice.length} names are meant for two objects`] : []),
      ...(taken.length > 0 ? [`${taken.length} are taken on the target`] : []),
    ]
    return failed(
      found.join('; '),
      'Give the objects other names in "objects" ("as"), exclude one of them, or rename what is on the target.',
      [...twice, ...taken],
    )
  },
}

export const mappedColumns: Check = {
  name: 'mapped_columns',
  expected: 'every table can be made with the selected columns',
  applies: (context) => isMapped(context) && context.schema,
  run: async (context) => {
    const problems = await leftOutProblems(context)
    if (problems.length === 0) return passed('all can')
    return failed(`${problems.length} columns can't be left out or renamed so`, 'Correct "columns" of the tables in "objects".', problems)
  },
}

/** Their bodies are text to PostgreSQL too: what is in them is found when they run. */
export const mappedNamesInFunctions: Check = {
  name: 'mapped_names_in_functions',
  expected: 'no body of a function that is not rewritten mentions a mapped name',
  applies: (context) => isMapped(context) && context.schema,
  run: async (context) => {
    const remarks = await readMappedBodies(context)
    if (remarks.length === 0) return passed('none')
    return warning(
      `${remarks.length} mentions, which stay as they are`,
      'Change these functions on the target after the migration, or ignore this warning if the mentions mean something else.',
      remarks,
    )
  },
}
