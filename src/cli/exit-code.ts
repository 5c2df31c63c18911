/** What scripts can tell apart; `pgmove --help` lists it. */
export const EXIT = {
  ok: 0,
  /** It failed, or is not possible now. */
  failed: 1,
  /** Bad usage, or a spec or an argument that is wrong: nothing was sent. */
  usage: 2,
  /** A person is needed: the migration waits, or the precheck found something. */
  waiting: 3,
  /** Temporal can't be reached, or no worker answers. */
  unreachable: 4,
  /** Ctrl-C while it waited for something, which goes on. */
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** What each exit code means to whoever runs a command, for `--help` and the documentation. */
export const EXIT_MEANINGS: readonly (readonly [ExitCode, string])[] = [
  [EXIT.ok, 'done'],
  [EXIT.failed, 'it failed, or is not possible now'],
  [EXIT.usage, 'bad usage, or a wrong spec: nothing was sent'],
  [EXIT.waiting, 'a person is needed: the migration waits, or the precheck found something'],
  [EXIT.unreachable, 'Temporal can not be reached, or no worker answers'],
  [EXIT.interrupted, 'Ctrl-C while waiting: what was waited for goes on'],
]
