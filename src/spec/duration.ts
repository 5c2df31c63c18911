const UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const
const FORM = /^(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?$/

/** How a duration is written, for messages and the JSON Schema. */
export const DURATION_FORM = 'a duration such as "12h", "1h30m", "10s" or "500ms"'

/** Reads `12h`, `1h30m`, `10s`, `500ms`: whole numbers with the units d, h, m, s, ms, the longest first. Milliseconds; undefined if it isn't one. */
export function parseDuration(text: string): number | undefined {
  const match = FORM.exec(text)
  if (!match || text === '') return undefined
  return Object.values(UNITS).reduce((sum, unit, index) => sum + unit * Number(match[index + 1] ?? 0), 0)
}
