import { createInterface } from 'node:readline/promises'
import type { Readable } from 'node:stream'
import type { Command } from 'commander'
import { CliError, usageError } from './cli-error.ts'
import type { ConnectionOptions, ShellWord } from './connection-options.ts'
import { temporalFlags } from './connection-options.ts'
import { EXIT } from './exit-code.ts'
import type { ExitCode } from './exit-code.ts'
import { Output } from './output.ts'
import type { Outcome, OutputStream } from './output.ts'
import { requestError } from './request-error.ts'
import { styleFor } from './style.ts'
import type { ColourChoice } from './style.ts'
import { temporalCommand } from './temporal-command.ts'
import { connectTemporal } from './temporal-connection.ts'
import type { Temporal } from './temporal-connection.ts'

/** What surrounds a command: the process, or a test. */
export interface CliSurroundings {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: OutputStream
  readonly stderr: OutputStream & NodeJS.WritableStream
  readonly env: NodeJS.ProcessEnv
  /** Calls back on Ctrl-C until the returned function is called. */
  onInterrupt(callback: () => void): () => void
}

/** What a command works with. */
export interface CommandContext {
  readonly out: Output
  readonly env: NodeJS.ProcessEnv
  readonly stdin: Readable
  readonly taskQueue: string
  /** Connects at the first call; closed when the command ends. */
  readonly temporal: () => Promise<Temporal>
  /** Asks on the terminal; where nobody can be asked `--yes` is demanded. */
  readonly confirm: (question: string, yes: boolean) => Promise<boolean>
  /** Runs what Ctrl-C may end early: its signal is aborted then. */
  readonly interruptible: <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>
}

/** A command's two faces. */
export interface Task {
  /** The arguments of the Temporal CLI that do the same, for `--show-command`; one list for each command line. Absent: Temporal has no part in it. */
  readonly equivalent?: (context: CommandContext) => readonly ShellWord[][] | Promise<readonly ShellWord[][]>
  work(context: CommandContext): Promise<Outcome>
}

export interface GlobalOptions extends ConnectionOptions {
  readonly taskQueue?: string
  readonly json?: boolean
  readonly color: ColourChoice
  readonly showCommand?: boolean
}

/** Runs commands' tasks: what all of them have in common. */
export class Cli {
  readonly surroundings: CliSurroundings
  code: ExitCode = EXIT.ok

  constructor(surroundings: CliSurroundings) {
    this.surroundings = surroundings
  }

  /** The one way in which a command runs; called by commander's actions. */
  async perform(command: Command, task: Task): Promise<void> {
    const options = command.optsWithGlobals<GlobalOptions>()
    const { env } = this.surroundings
    const out = this.output(options)
    let opened: Promise<Temporal> | undefined
    const context: CommandContext = {
      out,
      env,
      stdin: this.surroundings.stdin,
      taskQueue: options.taskQueue ?? (env['PGMOVE_TASK_QUEUE'] || 'pgmove'),
      temporal: () => (opened ??= connectTemporal(options, env)),
      confirm: (question, yes) => this.#confirm(question, yes),
      interruptible: (work) => this.#interruptible(work),
    }
    try {
      const outcome = options.showCommand ? await shown(task, context, temporalFlags(options)) : await task.work(context)
      out.finish(outcome)
      this.code = outcome.code ?? EXIT.ok
    } catch (error) {
      this.fail(requestError(error), out)
    } finally {
      await opened?.then((temporal) => temporal.close()).catch(() => undefined)
    }
  }

  /** Where a command with these options writes. */
  output({ json, color }: Pick<GlobalOptions, 'json' | 'color'>): Output {
    const { env, stdout, stderr } = this.surroundings
    return new Output(stdout, stderr, {
      json: json === true,
      style: styleFor(color, stdout.isTTY === true, env),
      noticeStyle: styleFor(color, stderr.isTTY === true, env),
    })
  }

  /** Tells an error: for people on standard error, with `--json` also as the document on standard output. */
  fail(error: unknown, out: Output): void {
    const known = error instanceof CliError ? error : unexpected(error)
    this.code = known.code
    const [first = '', ...rest] = known.message.split('\n')
    out.notice([out.noticeStyle.bad(first), ...rest].join('\n'))
    out.fail(known)
  }

  async #confirm(question: string, yes: boolean): Promise<boolean> {
    if (yes) return true
    const { stdin, stderr } = this.surroundings
    if (!stdin.isTTY || !stderr.isTTY) throw usageError('Nobody can be asked here: give --yes. Nothing was sent.')
    const dialogue = createInterface({ input: stdin, output: stderr })
    try {
      const answer = await Promise.race([
        dialogue.question(`${question} [y/N] `),
        new Promise<string>((resolve) => {
          dialogue.on('close', () => resolve(''))
          dialogue.on('SIGINT', () => dialogue.close())
        }),
      ])
      return /^y(es)?$/i.test(answer.trim())
    } finally {
      dialogue.close()
    }
  }

  async #interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController()
    const forget = this.surroundings.onInterrupt(() => controller.abort())
    try {
      return await work(controller.signal)
    } finally {
      forget()
    }
  }
}

async function shown({ equivalent }: Task, context: CommandContext, flags: readonly ShellWord[]): Promise<Outcome> {
  if (!equivalent) throw usageError('Temporal has no command for this: it is done by pgmove alone.')
  const commands = (await equivalent(context)).map((words) => temporalCommand([...words, ...flags]))
  return { json: { commands }, lines: commands }
}

function unexpected(error: unknown): CliError {
  const message = error instanceof Error ? error.message : String(error)
  return new CliError(EXIT.failed, 'Internal', `pgmove failed: ${message}`, { cause: error })
}
