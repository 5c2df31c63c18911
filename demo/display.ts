import { createLogUpdate } from 'log-update'
import { styleFor } from '../src/cli/style.ts'
import type { Page } from '../src/cli/views/check-lines.ts'
import { progressKey, progressLine, progressLines } from './progress.ts'
import type { Progress } from './progress.ts'

/** Where the demo talks to its user. */
export interface Display extends Page {
  /** A line that stays. */
  say(text?: string): void
  /** A step that takes a while: its name, then its result. */
  step<T>(title: string, work: () => Promise<T>, result?: (value: T) => string): Promise<T>
  /** What goes on now; replaces the last. */
  show(progress: Progress): void
  /** The last state of what goes on stays. */
  settle(): void
}

/** On a terminal: progress is renewed in place. */
export function terminalDisplay(stream: NodeJS.WriteStream): Display {
  const update = createLogUpdate(stream)
  const style = styleFor('auto', true, process.env)
  const say = (text = ''): void => {
    update.clear()
    stream.write(`${text}\n`)
  }
  return {
    style,
    get width() {
      return stream.columns
    },
    say,
    step: async (title, work, result) => {
      const started = Date.now()
      update(`  ▶ ${title}`)
      const value = await work()
      say(`  ✔ ${title}${ended(started, result?.(value))}`)
      return value
    },
    show: (progress) => update(progressLines(progress, { style, width: stream.columns }, Date.now()).join('\n')),
    settle: () => update.done(),
  }
}

/** For logs and pipes: a line when something changes. */
export function plainDisplay(stream: NodeJS.WritableStream): Display {
  const started = Date.now()
  let last = ''
  const say = (text = ''): void => void stream.write(`${text}\n`)
  return {
    style: styleFor('never', false, process.env),
    width: 120,
    say,
    step: async (title, work, result) => {
      const began = Date.now()
      const value = await work()
      say(`${title}${ended(began, result?.(value))}`)
      return value
    },
    show: (progress) => {
      const key = progressKey(progress)
      if (key !== last) say(`[${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s] ${progressLine(progress)}`)
      last = key
    },
    settle: () => undefined,
  }
}

function ended(started: number, result: string | undefined): string {
  return `${result === undefined ? '' : `: ${result}`} (${((Date.now() - started) / 1000).toFixed(1)} s)`
}
