import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'

/**
 * Ends the child when this process is gone, however it went (SIGKILL too): its standard input closes then. "done" on it means that the child
 * has ended and its id may belong to another process.
 */
const GUARD = `
read -r word && [ "$word" = done ] && exit 0
kill -s "$2" "$1" 2>/dev/null
n=0
while kill -0 "$1" 2>/dev/null; do
  n=$((n + 1)); [ $n -eq 100 ] && kill -s KILL "$1" 2>/dev/null; [ $n -gt 120 ] && break
  sleep 0.1
done
[ -z "$3" ] || rm -rf -- "$3"
`

export interface GuardedChildOptions {
  /** File that gets standard output and error. */
  log: string
  /** What ends the child at once when this process goes. */
  endSignal: NodeJS.Signals
  /** Folder to remove when this process goes without having ended the child. */
  removeAfter?: string
  /** Default: `/`, which every user may enter. */
  cwd?: string
  uid?: number
  gid?: number
  env?: NodeJS.ProcessEnv
}

export interface GuardedChild {
  readonly pid: number
  /** Resolves with the exit code, or the signal's name, when the child has ended. */
  readonly ended: Promise<number | NodeJS.Signals>
  readonly running: boolean
  /** Sends `first`, after `patience` ms SIGQUIT, after as long again SIGKILL; resolves when the child has ended. */
  end(first: NodeJS.Signals, patience?: number): Promise<void>
}

/** What kills each child that runs, by one listener for all: Node warns of a leak at the eleventh. */
const atExit = new Set<() => void>()

function killAll(): void {
  for (const kill of atExit) kill()
}

/**
 * Starts a program that never outlives this process and does not hold it open. It gets a process group of its own, so that Ctrl-C reaches only
 * this process, which ends its children in the order it likes.
 */
export function guardedChild(command: string, args: readonly string[], options: GuardedChildOptions): GuardedChild {
  const { log, endSignal, removeAfter = '', ...rest } = options
  const output = openSync(log, 'a')
  const child = spawn(command, args, { cwd: '/', ...rest, detached: true, stdio: ['ignore', output, output] })
  closeSync(output)
  if (child.pid === undefined) throw new Error(`${command} could not be started`)
  const { pid } = child
  const guard = spawn('/bin/sh', ['-c', GUARD, 'guard', String(pid), endSignal.replace('SIG', ''), removeAfter], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.stdin.on('error', () => {})
  unref(guard, child)

  const kill = () => child.kill(endSignal)
  if (atExit.size === 0) process.on('exit', killAll)
  atExit.add(kill)
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('exit', (code, signal) => {
      atExit.delete(kill)
      if (atExit.size === 0) process.off('exit', killAll)
      guard.stdin.end('done\n')
      resolve(signal ?? code ?? 0)
    })
  })
  const running = () => child.exitCode === null && child.signalCode === null

  return {
    pid,
    ended,
    get running() {
      return running()
    },
    async end(first, patience = 5000) {
      if (!running()) return
      child.ref()
      child.kill(first)
      const timers = [setTimeout(() => child.kill('SIGQUIT'), patience), setTimeout(() => child.kill('SIGKILL'), 2 * patience)]
      await ended
      for (const timer of timers) clearTimeout(timer)
    },
  }
}

function unref(guard: ChildProcess, child: ChildProcess): void {
  child.unref()
  guard.unref()
  const input = guard.stdin as { unref?: () => void } | null
  input?.unref?.()
}
