import type { Phase, Status } from '../../workflows/status.ts'
import { durationText } from '../amounts.ts'
import { padded } from '../text-width.ts'
import type { Page } from './check-lines.ts'
import { PHASE_TITLES } from './phase-titles.ts'

/**
 * One line for each phase: a mark, its name, its time so far, and `detail` for those that were reached. Workers of older versions don't tell times.
 *
 * @param now milliseconds since 1970
 */
export function phaseLines(
  status: Status,
  now: number,
  { style }: Pick<Page, 'style'>,
  detail: (phase: Phase) => string = () => '',
): string[] {
  const { durations, phase: current, state } = status
  const reached = current === 'done' ? PHASE_TITLES.length : PHASE_TITLES.findIndex(([phase]) => phase === current)
  return PHASE_TITLES.map(([phase, title], index) => {
    // Without incremental replication a migration never comes to its phases.
    const never = index < reached && durations !== undefined && durations[phase] === undefined
    const seconds = spent(status, phase, now)
    const text = `${padded(title, 27)}${(seconds === undefined ? '' : durationText(seconds)).padStart(12)}`
    const more = index <= reached && !never ? detail(phase) : ''
    const shown = more === '' ? text.trimEnd() : text
    return `${mark()} ${index === reached ? style.heading(shown) : index > reached || never ? style.dim(shown) : shown}${more && `  ${more}`}`

    function mark(): string {
      if (index > reached) return style.dim('·')
      if (never) return style.dim('–')
      if (index < reached) return style.good('✔')
      if (state === 'failed') return style.bad('✖')
      return state === 'running' ? style.command('▶') : style.warning(state === 'paused' ? '‖' : '!')
    }
  })
}

/** Seconds of a phase, with those since the present one began. */
function spent({ durations, phaseStartedAt, phase: current, state }: Status, phase: Phase, now: number): number | undefined {
  const before = durations?.[phase]
  const open = state !== 'failed' && state !== 'completed'
  const since = phase === current && open && phaseStartedAt !== undefined ? Math.max(0, now - Date.parse(phaseStartedAt)) : undefined
  return before === undefined && since === undefined ? undefined : ((before ?? 0) + (since ?? 0)) / 1000
}
