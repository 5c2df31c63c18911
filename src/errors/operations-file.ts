import { errorReference } from './error-meaning.ts'

/** The file, beside package.json, of which a part is made from the error policy. */
export const OPERATIONS_FILE = 'OPERATIONS.md'

const BEGIN = '<!-- from src/errors, by: node --import tsx src/errors/write-operations.ts -->'
const END = '<!-- end -->'

/** The text of OPERATIONS.md with its reference of errors as the policy is now. Throws if the marks around it are not there. */
export function withErrorReference(text: string): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`${OPERATIONS_FILE} lacks the marks "${BEGIN}" and "${END}".`)
  return `${text.slice(0, begin)}${BEGIN}\n\n${errorReference()}\n${text.slice(end)}`
}
