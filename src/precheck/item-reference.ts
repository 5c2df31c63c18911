import type { Check } from './check.ts'
import { CHECKS } from './checks.ts'

/** The file, beside package.json, of which a part is made from the checks. */
export const REFERENCE_FILE = 'OPERATIONS.md'

const BEGIN = '<!-- from src/precheck, by: node --import tsx src/precheck/write-reference.ts -->'
const END = '<!-- end of the items -->'

/** The text of OPERATIONS.md with its list of items as the checks are now. Throws if the marks around it are not there. */
export function withItemReference(text: string): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`${REFERENCE_FILE} lacks the marks "${BEGIN}" and "${END}".`)
  const rows = CHECKS.map(({ name, expected }: Check) => `| \`${name}\` | ${expected.replaceAll('|', '\\|')} |`)
  return `${text.slice(0, begin)}${BEGIN}\n\n| item | what it expects |\n| --- | --- |\n${rows.join('\n')}\n\n${text.slice(end)}`
}
