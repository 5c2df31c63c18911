import { errorReference } from './error-meaning.ts'

/** The file, beside package.json, of which parts are made from the code. */
export const OPERATIONS_FILE = 'OPERATIONS.md'

const BEGIN = '<!-- from src/errors, by: node --import tsx src/errors/write-operations.ts -->'
const END = '<!-- end -->'

/** The text of OPERATIONS.md with its reference of errors as the policy is now. Throws if the marks around it are not there. */
export function withErrorReference(text: string): string {
  return withPart(text, [BEGIN, END], errorReference())
}

/** The text with what stands between two marks replaced. Throws if they are not there. */
export function withPart(text: string, [first, last]: readonly [first: string, last: string], part: string): string {
  const [begin, end] = [text.indexOf(first), text.indexOf(last)]
  if (begin < 0 || end < begin) throw new Error(`${OPERATIONS_FILE} lacks the marks "${first}" and "${last}".`)
  return `${text.slice(0, begin)}${first}\n\n${part}\n${text.slice(end)}`
}
