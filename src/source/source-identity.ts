import { connect } from '../postgres/connect.ts'
import type { Database } from '../postgres/connect.ts'
import { parseLsn } from '../postgres/lsn.ts'
import type { ResolvedConnection } from '../postgres/resolved-connection.ts'
import { MigrationError } from '../errors/migration-error.ts'

/** Which cluster the source is and on which timeline; from IDENTIFY_SYSTEM. */
export interface SourceIdentity {
  readonly systemIdentifier: string
  readonly timeline: number
}

/** A walsender of the very server that `source` is connected to, of several hosts. */
export async function connectWalsender(
  source: Database,
  resolved: ResolvedConnection,
  applicationName: string,
  signal: AbortSignal,
): Promise<Database> {
  const here: ResolvedConnection = { ...resolved, hosts: [source.endpoint.host] }
  return connect(here, { side: 'source', applicationName, replication: true, signal })
}

/** Asks a walsender. */
export async function identifySource(walsender: Database): Promise<SourceIdentity> {
  const [row] = await walsender.query<{ systemid: string; timeline: string }>('IDENTIFY_SYSTEM')
  if (!row) throw new MigrationError('Internal', 'On the source: IDENTIFY_SYSTEM gave no answer.', { side: 'source' })
  return { systemIdentifier: row.systemid, timeline: Number(row.timeline) }
}

/**
 * Where the history that leads to `timeline` left `former`; undefined if it never was on it. Asks a walsender for the
 * timeline's history file.
 */
export async function switchPoint(walsender: Database, timeline: number, former: number): Promise<bigint | undefined> {
  const [row] = await walsender.query<{ content: string | null }>(`TIMELINE_HISTORY ${timeline}`)
  return findSwitchPoint(row?.content ?? '', former)
}

/** Lines of a history file: the timeline left, the LSN where it was left, a reason; `#` begins a comment. */
export function findSwitchPoint(history: string, former: number): bigint | undefined {
  for (const line of history.split('\n')) {
    const match = /^\s*(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)/.exec(line)
    if (match?.[1] !== undefined && match[2] !== undefined && Number(match[1]) === former) return parseLsn(match[2])
  }
  return undefined
}
