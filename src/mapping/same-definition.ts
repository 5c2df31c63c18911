import { sameTree } from './parse-tree.ts'
import { parse } from './sql-parser.ts'

/** Whether two definitions are the same statements, whatever their layout and quoting; texts that can't be parsed are compared as they are. */
export function sameDefinition(a: string, b: string): boolean {
  if (a === b) return true
  const left = parse(a)
  const right = left && parse(b)
  return left !== undefined && right !== undefined && sameTree(left, right)
}
