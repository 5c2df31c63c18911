import type { Check } from './compare.ts'

/** The demo's own comparison. */
export function checkLines(checks: readonly Check[]): string[] {
  return checks.flatMap(({ what, found, differences }) => {
    if (differences.length === 0) return [`  ✔ ${what.padEnd(12)} ${found}`]
    const shown = differences.slice(0, 20).map((text) => `      ${text}`)
    const more = differences.length > shown.length ? [`      and ${differences.length - shown.length} more`] : []
    return [`  ✖ ${what.padEnd(12)} ${differences.length} differences`, ...shown, ...more]
  })
}
