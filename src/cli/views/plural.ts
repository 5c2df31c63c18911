import { countText } from '../amounts.ts'

/** `1 table`, `2 tables`. */
export function plural(count: string | number, noun: string): string {
  return `${countText(count)} ${noun}${BigInt(count) === 1n ? '' : 's'}`
}
