import type { TelemetryOptions } from '@temporalio/worker'
import { BUCKETS } from './metric-catalogue.ts'

/**
 * The metrics part of the telemetry options.
 *
 * @param address PGMOVE_METRICS_ADDRESS, `host:port` to serve `/metrics` on; undefined or empty: no metrics. Throws if it is not such a pair.
 */
export function metricsOptions(address: string | undefined): Pick<TelemetryOptions, 'metrics'> {
  if (!address) return {}
  const port = Number(/^(?:[^:\s]+|\[[0-9a-fA-F:]+\]):(\d{1,5})$/.exec(address)?.[1])
  if (!(port > 0 && port < 65_536)) throw new Error(`PGMOVE_METRICS_ADDRESS must be host:port, such as 0.0.0.0:9464`)
  return { metrics: { attachServiceName: false, prometheus: { bindAddress: address, histogramBucketOverrides: { ...BUCKETS } } } }
}
