import type { Status } from '../workflows/status.ts'
import type { MetricName } from './metric-catalogue.ts'

export interface GaugeValue {
  readonly name: MetricName
  readonly value: number
  readonly labels: Readonly<Record<string, string>>
}

const PHASES: readonly Status['phase'][] = ['precheck', 'schema', 'full', 'constraints', 'incremental', 'cutover', 'done']
const STATES: readonly Status['state'][] = ['running', 'waiting', 'paused', 'reconnecting', 'failed', 'completed']

/**
 * The values of all gauges by a migration's status. Amounts above 2^53 lose their last digits here, which no chart shows.
 *
 * @param now milliseconds since 1970
 */
export function statusGauges(status: Status, now: number): GaugeValue[] {
  const one = (name: MetricName, value: number, labels: Record<string, string> = {}): GaugeValue => ({ name, value, labels })
  const sides = (['source', 'target'] as const).flatMap((side) => {
    const { lostAt, deadline } = status.connection[side]
    const away = lostAt === undefined ? 0 : Math.max(0, now - Date.parse(lostAt)) / 1000
    const left = deadline === undefined ? 0 : Math.max(0, Date.parse(deadline) - now) / 1000
    return [one('pgmove_outage_seconds', away, { side }), one('pgmove_outage_remaining_seconds', left, { side })]
  })
  return [
    ...PHASES.map((phase) => one('pgmove_phase', phase === status.phase ? 1 : 0, { phase })),
    ...STATES.map((state) => one('pgmove_state', state === status.state ? 1 : 0, { state })),
    one('pgmove_undelayed', status.undelayed ? 1 : 0),
    one('pgmove_lag_seconds', status.lag?.seconds ?? 0),
    one('pgmove_lag_bytes', Number(status.lag?.bytes ?? 0)),
    one('pgmove_slot_retained_bytes', Number(status.slot?.retainedBytes ?? 0)),
    one('pgmove_slot_warning', status.warnings.items.some((warning) => warning.startsWith('Slot ')) ? 1 : 0),
    ...sides,
    one('pgmove_tables', status.tables.total),
    one('pgmove_tables_copied', status.tables.copied),
    one('pgmove_copy_bytes', Number(status.bytes.total)),
    one('pgmove_copy_bytes_done', Number(status.bytes.copied)),
  ]
}
