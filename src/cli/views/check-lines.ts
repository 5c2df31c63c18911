import type { ConnectionTestResult } from '../../workflows/test-connection.ts'
import type { PrecheckResult } from '../../workflows/status.ts'
import { columns } from '../columns.ts'
import type { Cell } from '../columns.ts'
import type { Style } from '../style.ts'
import { wrapped } from '../text-width.ts'
import { plural } from './plural.ts'

/** What lines are made for. */
export interface Page {
  readonly style: Style
  readonly width: number
}

const INDENT = '    '

/** The connections of both sides: the steps of one that failed, else, unless all are wanted, what it leads to and what to look at. */
export function connectionLines({ source, target }: ConnectionTestResult, all: boolean, page: Page): string[] {
  return (
    [
      ['Source', source],
      ['Target', target],
    ] as const
  ).flatMap(([title, side]) => {
    if (!side) return []
    const { status, diagnosis } = side
    const steps = all || status === 'Failed' ? diagnosis : diagnosis.filter((step) => step.status !== 'Passed')
    const server = diagnosis.find(({ check }) => check === 'version')?.found ?? ''
    const verdict = status === 'Passed' ? `${server}; ${plural(diagnosis.length, 'step')} passed` : 'no connection comes about'
    return [
      `${painted(status, page)} ${page.style.heading(title)}: ${steps.length < diagnosis.length ? verdict : verdict.split(';')[0]}`,
      ...columns(
        steps.map(({ check, status: one, found }): Cell[] => [mark(one, page), check, found]),
        { width: page.width - INDENT.length },
      ).map((line) => INDENT + line),
      ...steps.filter(({ fix }) => fix !== '').flatMap(({ check, fix }) => paragraph(`${check}: ${fix}`, page)),
    ]
  })
}

export interface PrecheckView {
  /** Show what passed too. */
  readonly all: boolean
  readonly ignoreWarnings: boolean | readonly string[]
}

/** The items of a precheck: what passed, then what was found, with what to do. */
export function precheckLines({ items }: PrecheckResult, { all, ignoreWarnings }: PrecheckView, page: Page): string[] {
  const { style } = page
  const ignored = (name: string): boolean => (typeof ignoreWarnings === 'boolean' ? ignoreWarnings : ignoreWarnings.includes(name))
  const open = (['Warning', 'Failed'] as const).flatMap((status) => items.filter((item) => item.status === status))
  const passed = items.filter(({ status }) => status === 'Passed')
  const lines = [
    `${painted(passed.length > 0 ? 'Passed' : 'Failed', page)} ${style.heading('Precheck')}: ${plural(passed.length, 'item')} passed`,
  ]
  if (all) {
    const rows = passed.map(({ name, found }): Cell[] => [mark('Passed', page), name, found])
    lines.push(...columns(rows, { width: page.width - INDENT.length }).map((line) => INDENT + line))
  }
  for (const { name, status, found, expected, fix, objects, objectCount } of open) {
    const paint = status === 'Failed' ? style.bad : style.warning
    const more = objectCount > objects.length ? ` and ${objectCount - objects.length} more` : ''
    lines.push(
      '',
      paint(`${symbol(status)} ${name} (${status}${status === 'Warning' && ignored(name) ? ', ignored' : ''})`),
      ...paragraph(`Found: ${found}`, page),
      ...paragraph(`Expected: ${expected}`, page),
      ...(objects.length > 0 ? paragraph(`Objects: ${objects.join(', ')}${more}`, page) : []),
      ...paragraph(`Do: ${fix}`, page),
    )
  }
  return lines
}

type Result = 'Passed' | 'Warning' | 'Failed'

function mark(status: Result, { style }: Page): { text: string; paint: (text: string) => string } {
  return { text: symbol(status), paint: status === 'Passed' ? style.good : status === 'Failed' ? style.bad : style.warning }
}

function painted(status: Result, page: Page): string {
  const { text, paint } = mark(status, page)
  return paint(text)
}

function symbol(status: Result): string {
  return status === 'Passed' ? '✔' : status === 'Failed' ? '✖' : '!'
}

function paragraph(text: string, { width }: Page): string[] {
  return wrapped(text, width - INDENT.length).map((line) => INDENT + line)
}
