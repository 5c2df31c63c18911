import { ENVIRONMENT } from '../../src/environment.ts'
import { page, table, WRITTEN_BY } from './reference-text.ts'

const GROUPS = [
  ['pgmove', 'pgmove'],
  ['temporal', 'Temporal'],
  ['postgres', 'PostgreSQL'],
  ['terminal', 'The terminal'],
] as const

/** Every environment variable that is read. */
export function environmentReference(): string {
  return page(
    'Environment variables',
    `What workers and \`pgmove\` read from their environment. Written from [src/environment.ts](../../src/environment.ts), ${WRITTEN_BY}.`,
    'Beside these, a worker reads the variables that specs name: `{"env": "SHOP_SOURCE_URL"}`. pgmove\'s own programs such as pg_dump get the environment of the worker, but for its `PG…` variables, whose meaning is in the connection already.',
    ...GROUPS.map(([group, title]) => {
      const rows = ENVIRONMENT.filter((one) => one.group === group).map(({ name, by, standard, meaning }) => [
        `\`${name}\``,
        by === 'both' ? 'worker and command' : by,
        standard,
        meaning,
      ])
      return `## ${title}\n\n${table(['variable', 'read by', 'default', 'meaning'], rows)}`
    }),
  )
}
