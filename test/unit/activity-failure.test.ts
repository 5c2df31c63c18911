import assert from 'node:assert/strict'
import test from 'node:test'
import { activityFailure } from '../../src/activities/activity-failure.ts'
import { classify, sqlState } from '../../src/errors/classify.ts'
import { ENDING_KINDS, RETRIED_KINDS, RETURNING_KINDS, WAITING_KINDS } from '../../src/errors/error-kind.ts'
import { errorPolicy, HINTS } from '../../src/errors/error-policy.ts'
import { MigrationError } from '../../src/errors/migration-error.ts'

const serverError = (code: string, fields: Record<string, string> = {}): Error =>
  Object.assign(new Error('duplicate key value violates unique constraint "users_mail"'), { code, severity: 'ERROR', ...fields })

test('a failure stays under 1 KB, whatever the message, and carries no stack and no cause', () => {
  const error = new MigrationError('RejectedByTarget', 'x'.repeat(9_000), {
    side: 'target',
    table: '"a"."b"',
    lsn: '0/1',
    cause: serverError('23505'),
  })
  const failure = activityFailure(error, { nonRetryable: true })
  assert.ok(Buffer.byteLength(failure.message) <= 1_000)
  assert.equal(failure.stack, '')
  assert.equal(failure.cause, undefined)
  assert.equal(failure.type, 'RejectedByTarget')
  assert.ok(failure.message.endsWith(HINTS.RejectedByTarget))
})

test('the delay before the next attempt is never 0: the server would end the retries', () => {
  const failure = activityFailure(new MigrationError('ConnectionLost', 'gone'), { nonRetryable: false, retryDelayMs: 0 })
  assert.ok(Number(failure.nextRetryDelay) >= 1)
})

test('details survive a JSON round trip', () => {
  const failure = activityFailure(new MigrationError('TargetDiverged', 'x', { side: 'target', lsn: '1/2' }), {
    nonRetryable: true,
    details: { attempt: 3 },
  })
  assert.deepEqual(JSON.parse(JSON.stringify(failure.details)), [{ side: 'target', lsn: '1/2', attempt: 3 }])
})

test('every kind has a policy and a hint; what is not known waits for the operator', () => {
  const policies = (kinds: readonly string[]): Set<string> => new Set(kinds.map(errorPolicy))
  assert.deepEqual(policies(ENDING_KINDS), new Set(['end']))
  assert.deepEqual(policies(WAITING_KINDS), new Set(['wait']))
  assert.deepEqual(policies(RETURNING_KINDS), new Set(['return']))
  assert.deepEqual(policies(RETRIED_KINDS), new Set(['retry']))
  assert.equal(errorPolicy('SomethingNew'), 'wait')
  for (const kind of [...ENDING_KINDS, ...WAITING_KINDS, ...RETURNING_KINDS, ...RETRIED_KINDS]) assert.ok(HINTS[kind].length > 10)
})

test('errors of server and socket are sorted by SQLSTATE and code', () => {
  const kinds: [unknown, string][] = [
    [serverError('08006'), 'ConnectionLost'],
    [serverError('57P01'), 'ConnectionLost'],
    [serverError('57P03'), 'ConnectionLost'],
    [serverError('28P01'), 'AuthenticationFailed'],
    [serverError('28000'), 'AuthenticationFailed'],
    [serverError('3D000'), 'DatabaseMissing'],
    [serverError('42501'), 'InsufficientPrivilege'],
    [serverError('53100'), 'OutOfResources'],
    [serverError('53300'), 'OutOfResources'],
    [serverError('55P03'), 'LockTimeout'],
    [serverError('22001'), 'RejectedByTarget'],
    [serverError('23505'), 'RejectedByTarget'],
    [serverError('42P01'), 'Internal'],
    [Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }), 'ConnectionLost'],
    [new Error('Connection terminated unexpectedly'), 'ConnectionLost'],
    [new TypeError('x is not a function'), 'Internal'],
  ]
  for (const [error, kind] of kinds) assert.equal(classify(error, 'target').kind, kind, String((error as { code?: string }).code))
  assert.equal(sqlState(classify(serverError('23505'), 'target')), '23505')
})

test('what may quote a row is not repeated', () => {
  const error = classify(
    serverError('23505', { schema: 'app', table: 'users', constraint: 'users_mail', detail: 'Key (mail)=(secret@x.org)' }),
    'target',
  )
  assert.ok(!error.message.includes('secret@x.org'))
  assert.ok(error.message.includes('users_mail'))
  const told = (state: string, where: string) => classify(serverError(state, { where }), 'target').message
  assert.match(told('22P02', 'COPY users, line 3, column a b: "SECRET, line 9, column SECRET"'), /\(column a b\) \(SQLSTATE/)
  assert.match(told('22P03', 'COPY users, line 3, column mail'), /\(column mail\)/)
  assert.match(told('22P04', 'COPY users, line 3: "SECRET"'), /a value was refused \(SQLSTATE/)
  const raised = told('P0001', 'PL/pgSQL function app.check(character varying) line 1 at RAISE\nCOPY users, line 3: "SECRET"')
  assert.match(raised, /^On the target: function app\.check\(character varying\) raised an error \(SQLSTATE P0001\)/)
})
