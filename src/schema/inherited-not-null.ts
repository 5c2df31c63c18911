import { IDENT, NAME } from './dumped-name.ts'

const CONSTRAINT = String.raw`\n {4}(?:CONSTRAINT ${IDENT} )?NOT NULL (${IDENT})(?=,?\n)`
const ITEM = new RegExp(`,${CONSTRAINT}|${CONSTRAINT},?`, 'gu')
const TABLE = new RegExp(`^CREATE (?:UNLOGGED |FOREIGN )?TABLE (${NAME})`, 'u')

/**
 * A table's definition for servers before 18, which have no NOT NULL among the constraints of a table. pg_dump 18 writes it so for
 * inherited columns that are NOT NULL in this table too, from whatever server it dumps (dumpTableSchema in src/bin/pg_dump/pg_dump.c);
 * older ones write it as here. The columns come in the order of their names, so that equal tables read alike.
 */
export function inheritedNotNull(definition: string): string {
  const table = TABLE.exec(definition)?.[1]
  const columns: string[] = []
  const create = definition.replaceAll(ITEM, (_, later: string | undefined, first: string | undefined) => {
    columns.push(later ?? first ?? '')
    return ''
  })
  if (table === undefined || columns.length === 0) return definition
  return `${create.trimEnd()}\n${columns
    .sort()
    .map((column) => `ALTER TABLE ONLY ${table} ALTER COLUMN ${column} SET NOT NULL;\n`)
    .join('')}`
}
