/** Eighths of a character, from the left. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const

/** A bar of `width` characters, `share` (0 to 1) of it full; only a share of 1 fills it. */
export function progressBar(share: number, width: number): string {
  const bounded = Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0))
  const eighths = bounded === 1 ? width * 8 : Math.min(Math.floor(bounded * width * 8), width * 8 - 1)
  const bar = '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '')
  return bar + '░'.repeat(width - bar.length)
}

/** Where a span of 0 to 1 lies on an axis of `width` characters; the shortest is one character. */
export function spanBar(from: number, to: number, width: number): string {
  const bounded = (share: number): number => Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0))
  const first = Math.min(width - 1, Math.floor(bounded(from) * width))
  const last = Math.max(first + 1, Math.round(bounded(to) * width))
  return '·'.repeat(first) + '█'.repeat(last - first) + '·'.repeat(width - last)
}

const LEVELS = '▁▂▃▄▅▆▇█'

/**
 * A chart of the last `width` values, one character each: from 0 at the bottom to the largest of them at the top. What is not known (null) is a gap.
 *
 * @param floor the least value that the top stands for, so that noise near 0 does not look like a mountain
 */
export function sparkline(values: readonly (number | null)[], width: number, floor: number): string {
  const shown = values.slice(-width)
  const top = Math.max(floor, ...shown.map((value) => value ?? 0))
  return shown
    .map((value) => (value === null ? ' ' : (LEVELS[Math.min(LEVELS.length - 1, Math.floor((value / top) * LEVELS.length))] ?? ' ')))
    .join('')
}
