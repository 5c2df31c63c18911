import { padded, textWidth, wrapped } from './text-width.ts'

/** A text, or one that is coloured once it is laid out. */
export type Cell = string | { readonly text: string; readonly paint: (text: string) => string }

export interface ColumnOptions {
  /** Columns of the terminal. Lines get wider only where a column would become unreadable. */
  readonly width: number
  readonly header?: readonly string[]
  readonly paintHeader?: (text: string) => string
}

const GAP = '  '
/** No column is made narrower. */
const NARROWEST = 12

/**
 * Lays rows out in columns. Where they don't fit, the widest column is wrapped, so that nothing is cut off; a row then takes several lines.
 */
export function columns(rows: readonly (readonly Cell[])[], { width, header, paintHeader = (text) => text }: ColumnOptions): string[] {
  const top: Cell[][] = header ? [header.map((text) => ({ text, paint: paintHeader }))] : []
  const all = [...top, ...rows]
  const widths = fitting(naturalWidths(all), width)
  return all.flatMap((row) => rowLines(row, widths))
}

function naturalWidths(rows: readonly (readonly Cell[])[]): number[] {
  const count = Math.max(0, ...rows.map((row) => row.length))
  return Array.from({ length: count }, (_, column) => Math.max(0, ...rows.map((row) => widest(textOf(row[column] ?? '')))))
}

/** The widest columns are made as narrow as each other, no further than need be. */
function fitting(widths: readonly number[], width: number): number[] {
  const capped = (cap: number): number[] => widths.map((one) => Math.min(one, cap))
  const total = (all: readonly number[]): number => all.reduce((sum, one) => sum + one, GAP.length * (all.length - 1))
  let cap = Math.min(Math.max(0, ...widths), Math.max(width, NARROWEST))
  while (cap > NARROWEST && total(capped(cap)) > width) cap--
  return capped(cap)
}

function rowLines(row: readonly Cell[], widths: readonly number[]): string[] {
  const cells = widths.map((width, column) => wrapped(textOf(row[column] ?? ''), width))
  const height = Math.max(1, ...cells.map((lines) => lines.length))
  return Array.from({ length: height }, (_, line) =>
    widths
      .map((width, column) => {
        const text = cells[column]?.[line] ?? ''
        const cell = row[column]
        const painted = typeof cell === 'object' && text !== '' ? cell.paint(text) : text
        return column === widths.length - 1 ? painted : painted + padded(text, width).slice(text.length)
      })
      .join(GAP)
      .trimEnd(),
  )
}

function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell.text
}

function widest(text: string): number {
  return Math.max(0, ...text.split('\n').map(textWidth))
}
