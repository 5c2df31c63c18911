import { ident } from '../postgres/quote.ts'
import { readExtensionRows } from '../source/extension-rows.ts'
import type { Check } from './check.ts'
import { passed, warning } from './finding.ts'

/** Rows that a user has put into tables of extensions, as into spatial_ref_sys of PostGIS: no table of an extension is selected. */
export const extensionRows: Check = {
  name: 'extension_rows',
  expected: 'tables of extensions hold no rows but those that come with the extension',
  applies: ({ schema, full, spec }) => (schema || full) && spec.objects === null,
  run: async ({ source }) => {
    const tables = await readExtensionRows(source)
    if (tables.length === 0) return passed('none does')
    const unreadable = tables.filter((table) => table.unreadable)
    const found = [
      ...(tables.length > unreadable.length ? [`${tables.length - unreadable.length} hold rows of their own`] : []),
      ...(unreadable.length > 0 ? [`${unreadable.length} can't be read by this role`] : []),
    ].join(', ')
    return warning(
      found,
      `Tables of extensions are not copied: bring the rows over by hand before the cutover, as by pg_dump --data-only --table=… of the source, and ignore this warning.`,
      tables.map(({ table, extension }) => `${table} of ${ident(extension)}`),
    )
  },
}
