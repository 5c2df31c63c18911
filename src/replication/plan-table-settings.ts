import { ident, literal } from '../postgres/quote.ts'
import type { LoggedState } from './logged-ddl.ts'
import type { LoggedColumn } from './plan-column-changes.ts'

/** What PostgreSQL calls the values of pg_attribute.attstorage and attcompression. */
export const STORAGE: Readonly<Record<string, string>> = { p: 'plain', e: 'external', m: 'main', x: 'extended' }
const COMPRESSION: Readonly<Record<string, string>> = { p: 'pglz', l: 'lz4' }

type Settings = Pick<LoggedState, 'columns' | 'options' | 'toastOptions' | 'clusteredOn' | 'identity' | 'identityIndex' | 'indexes'>

/**
 * What one command has changed of a table that touches neither rows nor columns: storage parameters, planner statistics' targets and options of columns,
 * their storage and compression, CLUSTER ON, the index of the replica identity; as statements under the target's names. FULL is left to the source, where pgmove sets it too.
 *
 * @param label the target's table
 * @param index the qualified name of its index
 * @param column a column's name on the target; undefined: it was not chosen
 */
export function planTableSettings(
  before: Settings,
  after: Settings,
  label: string,
  index: (name: string) => string,
  column: (name: string) => string | undefined,
): string[] {
  const alter = `alter table only ${label}`
  const had = new Map(before.columns.map((one) => [one.number, one]))
  const hadIndex = new Map(before.indexes.map((one) => [one.oid, one]))
  const actions = [
    ...options(before.options, after.options, ''),
    ...options(before.toastOptions, after.toastOptions, 'toast.'),
    ...after.columns.flatMap((one) => {
      const name = column(one.name)
      return name === undefined ? [] : ofColumn(had.get(one.number), one).map((action) => `alter column ${ident(name)} ${action}`)
    }),
    ...(before.identityIndex !== after.identityIndex && after.identityIndex !== null
      ? [`replica identity using index ${ident(after.identityIndex)}`]
      : []),
    ...(before.identity === 'i' && after.identity === 'd' ? ['replica identity default'] : []),
    ...(before.identity === 'i' && after.identity === 'n' ? ['replica identity nothing'] : []),
  ]
  const clustered = after.clusteredOn === null ? 'set without cluster' : `cluster on ${ident(after.clusteredOn)}`
  return [
    ...actions.map((action) => `${alter} ${action}`),
    ...(before.clusteredOn === after.clusteredOn ? [] : [`alter table ${label} ${clustered}`]),
    ...after.indexes.flatMap(({ oid, name, statistics }) => {
      const old = new Map(hadIndex.get(oid)?.statistics ?? [])
      const now = new Map(statistics ?? [])
      return [...new Set([...old.keys(), ...now.keys()])]
        .filter((number) => old.get(number) !== now.get(number))
        .map((number) => `alter index ${index(name)} alter column ${number} set statistics ${now.get(number) ?? -1}`)
    }),
  ]
}

/** Of a table that was made with the columns, storage parameters and storage that it has now, and nothing else. */
export function plainSettings({ options, columns }: LoggedState): Settings {
  return {
    options,
    columns: columns.map((column) => ({ ...column, statistics: null, options: null, compression: null })),
    ...{ toastOptions: null, clusteredOn: null, identity: 'd', identityIndex: null, indexes: [] },
  }
}

function ofColumn(before: LoggedColumn | undefined, after: LoggedColumn): string[] {
  const { statistics, storage, compression } = after
  return [
    ...((before?.statistics ?? null) === statistics ? [] : [`set statistics ${statistics ?? -1}`]),
    ...options(before?.options ?? null, after.options, ''),
    ...((before?.storage ?? null) === storage ? [] : [`set storage ${STORAGE[storage ?? after.typeStorage] ?? 'extended'}`]),
    ...((before?.compression ?? null) === compression ? [] : [`set compression ${COMPRESSION[compression ?? ''] ?? 'default'}`]),
  ]
}

/** SET and RESET that make one list of `name=value` another. */
export function options(
  before: readonly string[] | null | undefined,
  after: readonly string[] | null | undefined,
  prefix: string,
): string[] {
  const [had, has] = [parsed(before), parsed(after)]
  const set = [...has].filter(([name, value]) => had.get(name) !== value).map(([name, value]) => `${prefix}${name} = ${literal(value)}`)
  const reset = [...had.keys()].filter((name) => !has.has(name)).map((name) => prefix + name)
  return [...(set.length > 0 ? [`set (${set.join(', ')})`] : []), ...(reset.length > 0 ? [`reset (${reset.join(', ')})`] : [])]
}

function parsed(list: readonly string[] | null | undefined): Map<string, string> {
  return new Map((list ?? []).map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]))
}
