/** Seconds over which a rate is averaged: an interval counts the less the longer it is past. */
const WINDOW = 30

/** Where something was at a moment, and how fast it has been of late. */
export interface RateSample {
  /** Seconds; only differences count. */
  readonly at: number
  readonly rows: number
  readonly bytes: number
  /** Per second; null: not known yet. */
  readonly rowRate: number | null
  readonly byteRate: number | null
}

/**
 * Exponential moving averages over about the last 30 seconds. What stands behind where it stood (a copy was begun anew) tells
 * nothing of the rate, which stays.
 */
export function nextSample(
  before: RateSample | null,
  now: { readonly at: number; readonly rows: number; readonly bytes: number },
): RateSample {
  if (!before) return { ...now, rowRate: null, byteRate: null }
  const seconds = now.at - before.at
  const { rowRate, byteRate } = before
  if (seconds <= 0 || now.rows < before.rows || now.bytes < before.bytes) return { ...now, rowRate, byteRate }
  const weight = 1 - Math.exp(-seconds / WINDOW)
  const next = (old: number | null, passed: number): number => (old === null ? passed / seconds : old + (passed / seconds - old) * weight)
  return { ...now, rowRate: next(rowRate, now.rows - before.rows), byteRate: next(byteRate, now.bytes - before.bytes) }
}

/** What index builds had got through at a moment, and how fast one of them is. */
export interface BuildSample {
  /** Seconds; only differences count. */
  readonly at: number
  /** Bytes of rows. */
  readonly built: number
  /** Builds that ran. */
  readonly builders: number
  /** Per second and build; null: none was seen yet. */
  readonly rate: number | null
}

/** As nextSample, for each build. What none is seen to have done, since it took less than the time between two looks, tells nothing. */
export function nextBuildSample(before: BuildSample | null, now: Omit<BuildSample, 'rate'>): BuildSample {
  if (!before) return { ...now, rate: null }
  const seconds = now.at - before.at
  const builders = (before.builders + now.builders) / 2
  const done = now.built - before.built
  if (seconds <= 0 || builders === 0 || done <= 0) return { ...now, rate: before.rate }
  const rate = done / seconds / builders
  const weight = 1 - Math.exp(-seconds / WINDOW)
  return { ...now, rate: before.rate === null ? rate : before.rate + (rate - before.rate) * weight }
}
