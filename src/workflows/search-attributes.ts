import type { Status } from './status.ts'

/** Search attributes that a migration fills, all of type Keyword; registered by `pgmove setup`. They are never encrypted: no secrets. */
export const SEARCH_ATTRIBUTES = ['PgmovePhase', 'PgmoveState', 'PgmoveSource', 'PgmoveTarget', 'PgmoveLag'] as const

/** The search attributes of a migration: `none` is a lag before there is a stream. */
export type SearchAttributes = Record<(typeof SEARCH_ATTRIBUTES)[number], string>

/** How far the target is behind, coarsely. */
export type LagClass = 'none' | 'undelayed' | 'under1m' | 'under10m' | 'under1h' | 'over1h'

/** The least time between two values that differ in the lag class alone: each is an event of the history. */
const LAG_PERIOD_MS = 60_000

/** What the activity `findSearchAttributes` answers: null if they are not registered. */
export type Places = { readonly source: string; readonly target: string } | null

/** Decides when a migration's search attributes are set anew: at a change of phase or state, and of the lag class at most once a minute, but for the first. */
export class ShownAttributes {
  readonly #places: NonNullable<Places>
  #shown: SearchAttributes | undefined
  #lagShownAt = -Infinity

  constructor(places: NonNullable<Places>) {
    this.#places = places
  }

  /** Those to set now, all that there are the first time; undefined if there is nothing new. */
  take(status: Pick<Status, 'phase' | 'state' | 'undelayed' | 'lag'>, now: number): Partial<SearchAttributes> | undefined {
    const before = this.#shown
    const { source: PgmoveSource, target: PgmoveTarget } = this.#places
    const wanted: SearchAttributes = {
      PgmovePhase: status.phase,
      PgmoveState: status.state,
      PgmoveSource,
      PgmoveTarget,
      PgmoveLag: lagClass(status) ?? before?.PgmoveLag ?? 'none',
    }
    const changed = SEARCH_ATTRIBUTES.filter((name) => wanted[name] !== before?.[name])
    if (changed.length === 0) return undefined
    const lagAlone = changed.every((name) => name === 'PgmoveLag') && before?.PgmoveLag !== 'none'
    if (lagAlone && now - this.#lagShownAt < LAG_PERIOD_MS) return undefined
    this.#shown = wanted
    if (changed.includes('PgmoveLag')) this.#lagShownAt = now
    return Object.fromEntries(changed.map((name) => [name, wanted[name]]))
  }
}

/** Undefined between two attempts of the stream, when nobody knows: what was known stands. */
function lagClass({ phase, undelayed, lag }: Pick<Status, 'phase' | 'undelayed' | 'lag'>): LagClass | undefined {
  if (phase === 'done') return 'none'
  if (undelayed) return 'undelayed'
  if (!lag) return undefined
  const { seconds } = lag
  return seconds < 60 ? 'under1m' : seconds < 600 ? 'under10m' : seconds < 3600 ? 'under1h' : 'over1h'
}
