import { withPart } from '../errors/operations-file.ts'
import type { Check } from './check.ts'
import { CHECKS } from './checks.ts'

const BEGIN = '<!-- from src/precheck, by: node --import tsx src/precheck/write-reference.ts -->'
const END = '<!-- end of the items -->'

/** The text of OPERATIONS.md with its list of items as the checks are now. Throws if the marks around it are not there. */
export function withItemReference(text: string): string {
  const rows = CHECKS.map(({ name, expected }: Check) => `| \`${name}\` | ${expected.replaceAll('|', '\\|')} |`)
  return withPart(text, [BEGIN, END], `| item | what it expects |\n| --- | --- |\n${rows.join('\n')}\n`)
}
