import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { OPERATIONS_FILE } from '../../src/errors/operations-file.ts'
import { metricsOptions } from '../../src/metrics/metrics-options.ts'
import { withMetricReference } from '../../src/metrics/metrics-reference.ts'

test('OPERATIONS.md has the metrics of the catalogue, word for word', () => {
  const text = readFileSync(new URL(`../../${OPERATIONS_FILE}`, import.meta.url), 'utf8')
  assert.equal(text, withMetricReference(text), 'run: node --import tsx src/metrics/write-reference.ts')
})

test('metrics are served only where an address is given, which must be one', () => {
  assert.deepEqual([metricsOptions(undefined), metricsOptions('')], [{}, {}])
  assert.ok(metricsOptions('127.0.0.1:9464').metrics)
  for (const wrong of ['9464', 'localhost', 'localhost:0', 'localhost:70000']) {
    assert.throws(() => metricsOptions(wrong), /PGMOVE_METRICS_ADDRESS must be host:port/)
  }
})
