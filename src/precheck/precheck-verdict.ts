import type { PrecheckItem } from './precheck-item.ts'

/**
 * Whether the migration goes on: a Failed item never lets it, a Warning only if it is ignored.
 *
 * @param ignoreWarnings true for all, or the names of items
 */
export function precheckVerdict(
  items: readonly Pick<PrecheckItem, 'name' | 'status'>[],
  ignoreWarnings: boolean | readonly string[],
): 'go' | 'wait' {
  const ignored = (name: string): boolean => (typeof ignoreWarnings === 'boolean' ? ignoreWarnings : ignoreWarnings.includes(name))
  return items.every(({ name, status }) => status === 'Passed' || (status === 'Warning' && ignored(name))) ? 'go' : 'wait'
}
