import { usageError } from './cli-error.ts'

const PART = /^(?:"((?:[^"]|"")+)"|([^".]+))/

/** Reads `schema.table`, each as it stands in the catalogue, or in double quotes as in SQL. */
export function tableName(text: string): { schema: string; table: string } {
  const [schema, rest] = part(text)
  const [table, end] = rest.startsWith('.') ? part(rest.slice(1)) : [undefined, '']
  if (schema === undefined || table === undefined || end !== '') {
    throw usageError(`The table is "${text}", but must be SCHEMA.TABLE, such as public.orders or 'public."odd.name"'.`)
  }
  return { schema, table }
}

function part(text: string): [string | undefined, string] {
  const match = PART.exec(text)
  if (!match) return [undefined, text]
  return [match[1]?.replaceAll('""', '"') ?? match[2], text.slice(match[0].length)]
}
