import { shellWord } from '../workflows/resolve-command.ts'
import type { ShellWord } from './connection-options.ts'

/** A command line of the Temporal CLI, to be pasted into a POSIX shell. */
export function temporalCommand(words: readonly ShellWord[]): string {
  return ['temporal', ...words].map((word) => (typeof word === 'string' ? quoted(word) : word.shell)).join(' ')
}

/** A word that begins with a dash or is empty would be taken for something else. */
function quoted(word: string): string {
  return word === '' ? "''" : shellWord(word)
}

/** The arguments that send an update to a migration and wait for its answer. */
export function updateWords(workflowId: string, name: string, argument?: unknown): ShellWord[] {
  const input = argument === undefined ? [] : ['--input', JSON.stringify(argument)]
  return ['workflow', 'update', 'execute', '--workflow-id', workflowId, '--name', name, ...input]
}
