import assert from 'node:assert/strict'
import test from 'node:test'
import { classify } from '../../src/errors/classify.ts'
import { errorPolicy, HINTS } from '../../src/errors/error-policy.ts'
import type { ErrorKind } from '../../src/errors/error-kind.ts'

/** What the server says of a state that nothing is known of but its class: every class of the appendix "PostgreSQL Error Codes". */
const CLASSES: Readonly<Record<string, ErrorKind>> = {
  ...{ '00': 'Internal', '01': 'Internal', '02': 'Internal', '03': 'Internal', '08': 'ConnectionLost', '09': 'Internal', '0A': 'Internal' },
  ...{ '0B': 'Internal', '0F': 'Internal', '0L': 'Internal', '0P': 'Internal', '0Z': 'Internal', '10': 'Internal', '20': 'Internal' },
  ...{ '21': 'Internal', '22': 'RejectedByTarget', '23': 'RejectedByTarget', '24': 'Internal', '25': 'Internal', '26': 'Internal' },
  ...{ '27': 'Internal', '28': 'AuthenticationFailed', '2B': 'Internal', '2D': 'Internal', '2F': 'Internal', '34': 'Internal' },
  ...{ '38': 'RejectedByTarget', '39': 'Internal', '3B': 'Internal', '3D': 'Internal', '3F': 'Internal', '40': 'Internal' },
  ...{ '42': 'Internal', '44': 'Internal', '53': 'OutOfResources', '54': 'Internal', '55': 'Internal', '57': 'Internal', '58': 'Internal' },
  ...{ '72': 'Internal', F0: 'Internal', HV: 'Internal', P0: 'RejectedByTarget', XX: 'Internal', ZZ: 'Internal' },
} // prettier-ignore

/** States that differ from their class, and those that are most like an outage or most unlike one. */
const STATES: Readonly<Record<string, ErrorKind>> = {
  ...{ '08000': 'ConnectionLost', '08001': 'ConnectionLost', '08003': 'ConnectionLost', '08004': 'ConnectionLost', '08006': 'ConnectionLost' },
  ...{ '25006': 'ConnectionLost', '25P03': 'ConnectionLost', '25P04': 'ConnectionLost', '55006': 'ConnectionLost' },
  ...{ '57P01': 'ConnectionLost', '57P02': 'ConnectionLost', '57P03': 'ConnectionLost', '57P05': 'ConnectionLost' },
  ...{ '28000': 'AuthenticationFailed', '28P01': 'AuthenticationFailed', '42501': 'InsufficientPrivilege' },
  ...{ '3D000': 'DatabaseMissing', '57P04': 'DatabaseMissing' },
  ...{ '53100': 'OutOfResources', '53200': 'OutOfResources', '53300': 'OutOfResources', '53400': 'OutOfResources' },
  ...{ '40001': 'LockTimeout', '40P01': 'LockTimeout', '55P03': 'LockTimeout', '57014': 'LockTimeout' },
  ...{ '23505': 'RejectedByTarget', '22P02': 'RejectedByTarget' },
  ...{ '58030': 'Internal', '58P01': 'Internal', XX001: 'Internal', '55000': 'Internal', '42704': 'Internal' },
} // prettier-ignore

const SOCKETS = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN']

const failed = (code: string): Error => Object.assign(new Error('it failed'), { code })

test('every class of SQLSTATEs has its kind; what is not known waits for the operator, and only an outage is tried for hours', () => {
  const kindOf = (state: string): ErrorKind => classify(failed(state), 'source').kind
  for (const [start, kind] of Object.entries(CLASSES)) assert.equal(kindOf(`${start}999`), kind, `class ${start}`)
  for (const [state, kind] of Object.entries(STATES)) assert.equal(kindOf(state), kind, state)
  for (const kind of [...Object.values(CLASSES), ...Object.values(STATES)]) {
    assert.equal(errorPolicy(kind), kind === 'ConnectionLost' || kind === 'LockTimeout' ? 'retry' : 'wait', kind)
    assert.ok(HINTS[kind].length > 10)
  }
})

test('a socket that fails is an outage; a code or text that nobody knows is not', () => {
  for (const code of SOCKETS) assert.equal(classify(failed(code), 'target').kind, 'ConnectionLost', code)
  const both = new AggregateError([failed('ECONNREFUSED'), failed('ENETUNREACH')], '')
  assert.equal(classify(both, 'target').kind, 'ConnectionLost')
  for (const code of ['EACCES', 'EMFILE', 'ESOMETHING', 'ERR_INVALID_ARG_TYPE']) {
    assert.equal(classify(failed(code), 'target').kind, 'Internal', code)
  }
  for (const other of [new RangeError('it failed'), 'it failed', undefined, null]) {
    assert.equal(classify(other, 'target').kind, 'Internal', String(other))
  }
})
