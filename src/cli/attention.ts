import { answerable, shellWord } from '../workflows/resolve-command.ts'
import type { Status, StatusWait } from '../workflows/status.ts'

/** Why a migration waits for a person, and what goes on. */
export interface Attention {
  /** One paragraph or more, with what to do. */
  readonly reason: string
  /** The commands of which one goes on, each with what it is for. */
  readonly commands: readonly { readonly command: string; readonly when: string }[]
}

/** What a person is to do; undefined if the migration waits for nobody. */
export function attention({ state, phase, precheck, errors, waits }: Status, workflowId: string): Attention | undefined {
  if (state !== 'waiting') return undefined
  const id = shellWord(workflowId)
  const open = (precheck?.items ?? []).filter((item) => item.status !== 'Passed')
  if (phase === 'precheck' && open.length > 0) {
    const failed = open.some((item) => item.status === 'Failed')
    const items = open.map((item) => `${item.status}: ${item.name}: ${item.found}. ${item.fix}`)
    const rerun = { command: `pgmove rerun-precheck ${id}`, when: 'when it is mended' }
    const accept = { command: `pgmove rerun-precheck ${id} --ignore-warnings`, when: 'to go on over the warnings' }
    return {
      reason: ['The precheck found something; nothing was changed.', ...items].join('\n'),
      commands: failed ? [rerun] : [rerun, accept],
    }
  }
  // Older workers tell the last error only.
  const last = errors.items.at(-1)
  const told: readonly StatusWait[] = waits ?? (last ? [{ kind: last.type, message: last.message, table: null }] : [])
  return {
    reason: told.map(({ kind, message }) => `${kind}: ${message}`).join('\n') || 'No reason is known.',
    commands: [{ command: `pgmove resume ${id}`, when: 'when the cause is mended' }, ...answers(id, told)],
  }
}

/** For the first table that waits; the others come after it. */
function answers(id: string, waits: readonly StatusWait[]): Attention['commands'] {
  const table = waits.find(({ kind, table }) => table && answerable(kind))?.table
  if (!table) return []
  const resolve = `pgmove resolve ${id} --table ${shellWord(`${nameOf(table.schema)}.${nameOf(table.table)}`)} --with`
  return [
    { command: `${resolve} copyAgain`, when: 'to copy the table anew' },
    { command: `${resolve} leaveOut`, when: 'to go on without the table' },
  ]
}

/** As the option --table reads it. */
function nameOf(name: string): string {
  return /[".]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name
}

/** The reason and the commands as lines. */
export function attentionLines({ reason, commands }: Attention): string[] {
  const widest = Math.max(...commands.map(({ command }) => command.length))
  return [...reason.split('\n'), 'Go on with:', ...commands.map(({ command, when }) => `  ${command.padEnd(widest)}  # ${when}`)]
}
