import type { SlotState } from './slot-state.ts'

/** A limit that will be reached within this time at the present rate is warned of. */
const HORIZON_SECONDS = 12 * 3600

/**
 * What has to be said of a slot whose WAL piles up: when it will be too late, and what to do; null if nothing. `now` is in
 * milliseconds since 1970, `perSecond` the growth of what is retained, if it is known.
 */
export function slotWarning(slot: string, state: SlotState, perSecond: number | undefined, now: number): string | null {
  return (
    [walLimit, idleLimit, noLimit]
      .map((say) => say(state, perSecond, now))
      .find((text) => text !== null)
      ?.replace('SLOT', slot) ?? null
  )
}

const KEEPS = 'of WAL for slot SLOT'

function walLimit(state: SlotState, perSecond: number | undefined, now: number): string | null {
  const { retainedBytes, limitBytes, safeBytes, walStatus } = state
  if (limitBytes === null || retainedBytes === null) return null
  const raise = 'on the source raise max_slot_wal_keep_size (or set -1, if its disk has room; a reload is enough), or let less be written'
  const keeps = `The source keeps ${size(retainedBytes)} ${KEEPS}`
  if (walStatus === 'unreserved' || (safeBytes !== null && safeBytes <= 0n)) {
    return `${keeps}, more than max_slot_wal_keep_size = ${size(limitBytes)} allows: at its next checkpoint the slot can be lost, and the migration would end. Now: ${raise}.`
  }
  if (safeBytes === null) return null
  const left = perSecond ? Number(safeBytes) / perSecond : undefined
  const soon = left !== undefined && left < HORIZON_SECONDS
  if (!soon && safeBytes >= limitBytes / 2n) return null
  const when =
    left === undefined || !perSecond ? '' : `; at ${size(BigInt(Math.round(perSecond * 3600)))} more an hour that is ${timeLeft(left, now)}`
  return `${keeps}; when ${size(safeBytes)} more are written, max_slot_wal_keep_size = ${size(limitBytes)} is reached and the slot can be lost${when}. Before that, ${raise}.`
}

/** Nothing streams from a slot while tables are copied, or while the migration waits. */
function idleLimit({ idleTimeout, idleLeft }: SlotState, _: number | undefined, now: number): string | null {
  if (idleTimeout === null || idleLeft === null || idleLeft >= idleTimeout / 2) return null
  return `Nothing streams from slot SLOT now, and idle_replication_slot_timeout lets the source give it up ${timeLeft(idleLeft, now)}: then the migration ends. Before that, set idle_replication_slot_timeout = 0 on the source (a reload is enough).`
}

/** The disk's free space can't be seen by SQL. */
function noLimit({ retainedBytes, usualBytes, limitBytes }: SlotState, perSecond: number | undefined): string | null {
  if (limitBytes !== null || retainedBytes === null || retainedBytes <= usualBytes) return null
  const growth = perSecond ? `, ${size(BigInt(Math.round(perSecond * 3600)))} more an hour` : ''
  return `The source keeps ${size(retainedBytes)} ${KEEPS}${growth}, more than its max_wal_size = ${size(usualBytes)}, and nothing limits it: watch that its disk does not fill up, which pgmove can't see. It is freed when replication has caught up, or when the migration is cancelled.`
}

/** The unit in which people read a number of bytes. */
function size(bytes: bigint): string {
  const units = ['kB', 'MB', 'GB', 'TB']
  let value = Number(bytes) / 1024
  let unit = 0
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${value < 10 ? Math.round(value * 10) / 10 : Math.round(value)} ${units[unit] ?? ''}`
}

function timeLeft(seconds: number, now: number): string {
  const at = new Date(now + Math.max(0, seconds) * 1000).toISOString().slice(0, 16).replace('T', ' ')
  const minutes = Math.max(0, Math.round(seconds / 60))
  return `in about ${minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`} (${at} UTC)`
}
