import { withPart } from '../errors/operations-file.ts'
import { metricReference } from './metric-catalogue.ts'

const BEGIN = '<!-- from src/metrics, by: node --import tsx src/metrics/write-reference.ts -->'
const END = '<!-- end of metrics -->'

/** The text of OPERATIONS.md with its table of metrics as the catalogue is now. Throws if the marks around it are not there. */
export function withMetricReference(text: string): string {
  return withPart(text, [BEGIN, END], metricReference())
}
