import { styleText } from 'node:util'

type Paint = (text: string) => string

/** Colours by what they tell, not by their names. */
export interface Style {
  readonly heading: Paint
  readonly good: Paint
  readonly warning: Paint
  readonly bad: Paint
  readonly dim: Paint
  readonly command: Paint
}

/** Whether there are colours at all is decided here, not by Node.js. */
const painted = (format: 'bold' | 'green' | 'yellow' | 'red' | 'dim' | 'cyan', text: string): string =>
  styleText(format, text, { validateStream: false })

const none: Paint = (text) => text
const PLAIN: Style = { heading: none, good: none, warning: none, bad: none, dim: none, command: none }
const COLOURED: Style = {
  heading: (text) => painted('bold', text),
  good: (text) => painted('green', text),
  warning: (text) => painted('yellow', text),
  bad: (text) => painted('red', text),
  dim: (text) => painted('dim', text),
  command: (text) => painted('cyan', text),
}

export type ColourChoice = 'auto' | 'always' | 'never'

/** With `auto` there are colours on a terminal only, and not where NO_COLOR is set or TERM is `dumb`. */
export function styleFor(choice: ColourChoice, terminal: boolean, env: NodeJS.ProcessEnv): Style {
  if (choice !== 'auto') return choice === 'always' ? COLOURED : PLAIN
  return terminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb' ? COLOURED : PLAIN
}
