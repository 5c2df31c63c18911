import assert from 'node:assert/strict'
import test from 'node:test'
import { storageFinding } from '../../src/precheck/check-volume.ts'

test('a person is asked to look at the disks where gigabytes come in, or WAL is kept in gigabytes', () => {
  const small = storageFinding({ bytes: 999e6, walBytesPerSecond: 1e6 })
  assert.equal(small.status, 'Passed')
  assert.match(small.found, /take 999 MB .* roughly 25 s .*1 MB of WAL a second now, of which its slot keeps about 25 MB/)
  const big = storageFinding({ bytes: 800e9, walBytesPerSecond: null })
  assert.equal(big.status, 'Warning')
  assert.match(big.found, /take 800\.0 GB .* roughly 5\.6 hours/)
  assert.match(big.fix, /target has 1200\.0 GB free; then go on/)
  const written = storageFinding({ bytes: 900e6, walBytesPerSecond: 60e6 })
  assert.equal(written.status, 'Warning')
  assert.match(written.fix, /the source 2\.7 GB for its WAL/)
})
