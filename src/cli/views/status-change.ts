import type { Status } from '../../workflows/status.ts'
import { bytesText, countText, durationText } from '../amounts.ts'

/** Where nothing can be redrawn: the figures in one line. */
export function statusLine({ phase, state, tables, rows, bytes, lag, undelayed, errors, warnings }: Status): string {
  const parts: string[] = [phase]
  if (state !== 'running') parts.push(state)
  if (phase === 'full') parts.push(`${tables.copied} of ${tables.total} tables, ${countText(rows)} rows, ${bytesText(bytes.copied)}`)
  if (phase === 'incremental') parts.push(undelayed ? 'undelayed' : 'catching up')
  if (lag) parts.push(`${bytesText(lag.bytes)} and ${durationText(lag.seconds)} behind`)
  const last = errors.items.at(-1)
  if (last) parts.push(`${errors.total} errors, the last ${last.type}`)
  if (warnings.total > 0) parts.push(`${warnings.total} warnings`)
  return parts.join(', ')
}

/** Changes when there is something new to say in a line of its own: not with every figure. */
export function statusKey({ phase, state, undelayed, tables, warnings, errors, cutoverRequested, fence }: Status): string {
  const share = phase === 'full' && tables.total > 0 ? Math.floor((tables.copied * 10) / tables.total) : 0
  const delayed = phase === 'incremental' && undelayed
  return [phase, state, delayed, share, warnings.total, errors.total, cutoverRequested === true, fence ? 1 : 0].join(' ')
}
