import assert from 'node:assert/strict'
import test from 'node:test'
import { jsonLine, logFormat } from '../../src/log-format.ts'

test('a log entry is one line of JSON, whatever its attributes are', () => {
  const meta = { workflowId: 'shop', lsn: 7n, error: new TypeError('two\nlines'), level: 'mine' }
  const line = jsonLine({ timestampNanos: 1_700_000_000_123_456_789n, level: 'WARN', message: 'a\nb', meta })
  assert.ok(!line.includes('\n'))
  const { error, ...rest } = JSON.parse(line) as { error: { name: string; message: string } }
  assert.deepEqual(rest, { workflowId: 'shop', lsn: '7', time: '2023-11-14T22:13:20.123Z', level: 'WARN', message: 'a\nb' })
  assert.deepEqual([error.name, error.message], ['TypeError', 'two\nlines'])
})

test('the format is text unless JSON is asked for', () => {
  assert.deepEqual([logFormat(undefined), logFormat(''), logFormat('text')], [undefined, undefined, undefined])
  assert.equal(typeof logFormat('json'), 'function')
  assert.throws(() => logFormat('xml'), /PGMOVE_LOG_FORMAT must be text or json/)
})
