import { ident } from '../postgres/quote.ts'
import { hasDdlLog } from '../source/ddl-capture.ts'
import { isPattern, matchesPattern } from '../spec/name-pattern.ts'
import { jsonPath } from '../spec/spec-problem.ts'
import type { Check } from './check.ts'
import { filledTables } from './filled-tables.ts'
import { failed, passed, warning } from './finding.ts'

export const selection: Check = {
  name: 'selection',
  expected: 'every pattern of the spec matches something, and a table is selected',
  run: async ({ source, spec, tables, schemas, schema }) => {
    const relations = await source.query<{ schema: string; name: string }>(
      `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')`,
    )
    const all = await source.query<{ name: string }>('select nspname as name from pg_namespace')
    const matchesTable = (inSchema: (name: string) => boolean, table: string): boolean =>
      relations.some((relation) => inSchema(relation.schema) && matchesPattern(table, relation.name))
    const unmatched = [
      ...(spec.objects ?? []).flatMap((entry, index) =>
        entry.table === undefined || !isPattern(entry.table) || matchesTable((name) => name === entry.schema, entry.table)
          ? []
          : [jsonPath(['objects', index, 'table'])],
      ),
      ...spec.exclude.flatMap((entry, index) => {
        const inSchema = (name: string): boolean => matchesPattern(entry.schema, name)
        if (!isPattern(entry.schema) && !(entry.table !== undefined && isPattern(entry.table))) return []
        const matches = entry.table === undefined ? all.some(({ name }) => inSchema(name)) : matchesTable(inSchema, entry.table)
        return matches ? [] : [jsonPath(['exclude', index])]
      }),
    ]
    const found = `${tables.filter(({ partitionOf }) => !partitionOf).length} tables in ${new Set(tables.map((table) => table.schema)).size} schemas`
    if (unmatched.length > 0) return warning(`${found}; patterns that match nothing`, 'Correct the patterns, or remove them.', unmatched)
    if (tables.length === 0 && !(schema && schemas.length > 0))
      return warning(found, 'Correct "objects" and "exclude": nothing would be migrated.')
    return tables.length === 0
      ? warning(found, 'Only objects that are no tables will be migrated; correct "objects" and "exclude" if tables are missing.')
      : passed(found)
  },
}

export const noFullCopy: Check = {
  name: 'no_full_copy',
  expected: 'the target is filled by the type "full"',
  applies: ({ full, incremental }) => incremental && !full,
  run: async ({ source, schema, tables, signal }) => {
    const fix = 'Add "full" to "types", unless the target holds exactly what the source holds when the slot is created.'
    if (!schema) return warning("only changes from the slot's start on will be applied", fix)
    const filled = await filledTables(source, tables, signal)
    if (filled.length === 0)
      return warning("only changes from the slot's start on will be applied; the tables of the source are empty now", fix)
    return failed(
      "tables would be created empty, and changes of rows that are not there can't be applied",
      'Add "full" to "types".',
      filled,
    )
  },
}

export const ddlCapture: Check = {
  name: 'ddl_capture',
  expected: 'the role may create event triggers on the source',
  applies: ({ spec, incremental }) => incremental && spec.ddl === 'capture',
  run: async ({ source, sourceRole }) => {
    if (sourceRole.superuser) return passed('a superuser')
    if (await hasDdlLog(source)) return passed('another migration has created them')
    return warning(
      `${ident(sourceRole.name)} is no superuser; where it may not create event triggers, "ddl": "capture" is treated as "pause"`,
      'A change of a selected table will wait for you. Connect as a superuser, or as what your provider has in its place, write "ddl": "pause", or ignore this warning.',
    )
  },
}

export const blocksDdl: Check = {
  name: 'blocks_ddl',
  expected: 'the application changes no table while it is copied',
  applies: ({ full, incremental }) => full && !incremental,
  run: async () =>
    warning(
      'all tables are copied under one snapshot, which holds ACCESS SHARE locks on them until the end',
      'ALTER, DROP and TRUNCATE of a selected table wait until the copy has ended, and what comes after them waits too. Add "incremental" to "types" to avoid it, or ignore this warning.',
    ),
}
