import { errorPolicy, HINTS } from './error-policy.ts'
import type { ErrorPolicy } from './error-policy.ts'
import { ENDING_KINDS, RETRIED_KINDS, RETURNING_KINDS, WAITING_KINDS } from './error-kind.ts'
import type { ErrorKind } from './error-kind.ts'

/** What each kind of error means, for OPERATIONS.md. */
const MEANINGS: Readonly<Record<ErrorKind, string>> = {
  InvalidSpec: 'The argument of a workflow is wrong: unknown keys, wrong types, names that are not there, or a password inside the spec. The message lists each problem with its JSON path.',
  PrecheckFailed: 'An item of the precheck failed, and the spec says `"precheck": {"wait": false}`.',
  SourceUnreachable: 'The source was away for the whole reconnect window, and an attempt made after its end failed too.',
  TargetUnreachable: 'The target was away for the whole reconnect window, and an attempt made after its end failed too.',
  SlotLost: 'The replication slot is gone, or the source has invalidated it (`max_slot_wal_keep_size`), so that changes which were not applied yet are lost.',
  SlotReplaced: 'A slot of the same name is there, but it is another one: of another database or output plugin, or it begins beyond what the target has.',
  SourceReplaced: 'The source is not the server that was copied: its system identifier differs, or its timeline does not contain a position that was copied or applied.',
  AuthenticationFailed: 'A server refuses the credentials or the host (`pg_hba.conf`), TLS can not be had as `sslmode` asks for, or the worker does not find the password.',
  InsufficientPrivilege: 'The role lacks a right that the message names.',
  DatabaseMissing: 'The server is there, the database is not.',
  OutOfResources: 'A server has no room left: disk, memory, locks or connections.',
  SchemaMismatch: 'Definitions that must be equal, or must fit, differ: an object on the target, a table in the stream, or a schema `pgmove` that pgmove did not make.',
  UnsupportedDdl: 'A selected object was changed on the source in a way that pgmove does not carry over.',
  TargetDiverged: 'A change did not find exactly the row that it must find, met a row with its key that is there already, or the target lacks what pgmove has recorded there: somebody else has written to the target.',
  RejectedByTarget: 'The target refuses a row: a constraint or a type that the source does not have. The message names the table, the columns of its key, and the LSN.',
  Internal: 'Something that pgmove does not know, or a setting of the worker that is wrong.',
  FenceLeaked: 'The source was written to after the cutover had begun.',
  ValidationFailed: 'Source and target differ in the comparison at the cutover.',
  ConnectionLost: 'A connection was lost or could not be made, or it leads to a server that has become a standby.',
  Fenced: 'Two attempts of one activity ran at once; the older one has noticed.',
  LockTimeout: 'A lock was not to be had within the time that pgmove lets the application wait, or a statement of pgmove was cancelled: by somebody, or after 2 s for its heartbeat on a source that stalls.',
} // prettier-ignore

/** What pgmove does by itself on an error of each policy. */
const ACTIONS: Readonly<Record<ErrorPolicy, string>> = {
  end: 'The workflow fails with this type. The source is released (for at most 2 minutes; what could not be removed is named, and `cleanUpSlots` removes it), and what was switched off on objects that pgmove did not create is put back on the target. The data on the target stays.',
  wait: '`status` shows state `waiting` with the message. Slot, publication and progress are kept and nothing is lost; the source keeps WAL meanwhile. After `resume` the same step is tried again.',
  return: 'The cutover is taken back and phase `incremental` goes on. A new `cutover` may be sent.',
  retry:
    'It is tried again by itself. Seen only as the last failure of a pending activity, and, for a lost connection, as state `reconnecting` with its deadline.',
}

const OF_ONE_TABLE = `${ACTIONS.wait} If it is about one table, \`resolve\` answers for that: see "One table is in the way".`

/** Where one differs from the others of its policy. */
const OTHER_ACTIONS: Readonly<Partial<Record<ErrorKind, string>>> = {
  InvalidSpec:
    'The workflow fails with this type before anything is changed. Only if a reference on the worker turns wrong later has the migration begun; then it ends like the others below.',
  PrecheckFailed: 'The workflow fails with this type. Nothing was changed on either side.',
  SchemaMismatch: OF_ONE_TABLE,
  UnsupportedDdl: OF_ONE_TABLE,
  TargetDiverged: OF_ONE_TABLE,
  RejectedByTarget: OF_ONE_TABLE,
}

const GROUPS: readonly (readonly [title: string, kinds: readonly ErrorKind[]])[] = [
  ['They end the migration', ENDING_KINDS],
  ['They wait for you', WAITING_KINDS],
  ['They lead back from the cutover', RETURNING_KINDS],
  ['They pass by themselves', RETRIED_KINDS],
]

/** The part of OPERATIONS.md that tells of every kind of error, from the one policy. Markdown. */
export function errorReference(): string {
  return GROUPS.map(([title, kinds]) => `### ${title}\n\n${kinds.map(entry).join('\n\n')}\n`).join('\n')
}

function entry(kind: ErrorKind): string {
  const did = OTHER_ACTIONS[kind] ?? ACTIONS[errorPolicy(kind)]
  return `#### ${kind}\n\n${MEANINGS[kind]}\n\n- **What pgmove did:** ${did}\n- **What to do:** ${HINTS[kind]}`
}
