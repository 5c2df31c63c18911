import type { SourceName } from '../state/table-resolution.ts'

/** Kinds of errors that the signal `resolve` answers (contract §4). */
const ANSWERABLE: ReadonlySet<string> = new Set(['UnsupportedDdl', 'RejectedByTarget', 'SchemaMismatch', 'TargetDiverged'])

export function answerable(kind: string): boolean {
  return ANSWERABLE.has(kind)
}

/** The command that answers an error of a table with `retry`. */
export function resolveCommand(workflowId: string, { schema, table }: SourceName): string {
  const input = JSON.stringify({ schema, table, action: 'retry' })
  return `temporal workflow signal --workflow-id ${shellWord(workflowId)} --name resolve --input ${shellWord(input)}`
}

/** Quoted for a POSIX shell where that is needed. */
export function shellWord(text: string): string {
  return /^[\w.:/@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
