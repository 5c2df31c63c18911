import { mappedType } from '../mapping/mapped-type.ts'
import { NameMap } from '../mapping/name-map.ts'
import type { TableName } from '../source/selected-tables.ts'
import type { TableShape, UniqueShape } from './table-shapes.ts'

const UNMAPPED = new NameMap()

/** A source table's shape as the target is to have it: under the target's names of types and columns, without what is left out. */
export function mappedShape(table: TableName, shape: TableShape, names: NameMap): TableShape {
  const columns = [...shape.columns].flatMap(([name, column]) => {
    const target = names.column(table, name)
    return target === undefined ? [] : [[target, { ...column, ...typesOf(column, names) }] as const]
  })
  const renamed = [...shape.columns.keys()].some((name) => (names.column(table, name) ?? name) !== name)
  const uniques = shape.uniques.flatMap((unique): UniqueShape[] => {
    const mapped = unique.columns?.map((name) => names.column(table, name))
    if (mapped?.includes(undefined)) return []
    return [{ ...unique, columns: mapped?.filter((name) => name !== undefined), definition: renamed ? undefined : unique.definition }]
  })
  const checks = renamed ? new Map([...shape.checks.keys()].map((name) => [name, undefined])) : shape.checks
  return { ...shape, columns: new Map(columns), uniques, checks }
}

/** A target table's shape, its types written so that they can be compared with those of `mappedShape`. */
export function comparableShape(shape: TableShape): TableShape {
  return { ...shape, columns: new Map([...shape.columns].map(([name, column]) => [name, { ...column, ...typesOf(column, UNMAPPED) }])) }
}

function typesOf({ type, base }: { readonly type: string; readonly base: string }, names: NameMap): { type: string; base: string } {
  return { type: mappedType(type, names), base: mappedType(base, names) }
}
