import type { SpecProblem } from './spec-problem.ts'

/** Temporal cuts a failure at 4 KB; the rest is for the failure's other fields. Bytes of UTF-8. */
const LIMIT = 3500

/** The message of `InvalidSpec`: every problem with its JSON path, cut at 3.5 KB with the number of those left out. */
export function invalidSpecMessage(problems: readonly SpecProblem[]): string {
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
  let message = `The spec has ${count}; nothing was changed. Correct it and start again.`
  let used = utf8Length(message)
  for (const [index, problem] of problems.entries()) {
    const line = `\n${problem.path}: found ${problem.found}, expected ${problem.expected}`
    const rest = `\n… and ${problems.length - index} more`
    const last = index === problems.length - 1
    if (used + utf8Length(line) + (last ? 0 : utf8Length(rest)) > LIMIT) return message + rest
    message += line
    used += utf8Length(line)
  }
  return message
}

/** Bytes in UTF-8, without TextEncoder or Buffer: this runs in Temporal's workflow sandbox. */
export function utf8Length(text: string): number {
  let bytes = 0
  for (const char of text) {
    const point = char.codePointAt(0) ?? 0
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
  }
  return bytes
}
