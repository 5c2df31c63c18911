import type { Database } from '../postgres/connect.ts'

/** What pgmove itself changed on the source, so that it does not go along. */
export interface OwnObjects {
  /** Objects, as catalogue and OID. */
  readonly objects: ReadonlySet<string>
  /** The replica identity that tables had before, by the table's OID: 'd' default, 'n' nothing. */
  readonly replicaIdentities: ReadonlyMap<string, string>
}

/** Triggers and event triggers whose function is in the schema `pgmove`, and tables whose replica identity pgmove set to FULL. */
export async function readOwnObjects(source: Database): Promise<OwnObjects> {
  const triggers = await source.query<{ key: string }>(
    `select t.tableoid || ':' || t.oid as key
       from pg_trigger t join pg_proc p on p.oid = t.tgfoid join pg_namespace n on n.oid = p.pronamespace
      where n.nspname = 'pgmove'
     union all
     select e.tableoid || ':' || e.oid
       from pg_event_trigger e join pg_proc p on p.oid = e.evtfoid join pg_namespace n on n.oid = p.pronamespace
      where n.nspname = 'pgmove'`,
  )
  const objects = new Set(triggers.map(({ key }) => key))
  const [installed] = await source.query<{ there: string }>(`select to_regclass('pgmove.installed') is not null as there`)
  if (installed?.there !== 't') return { objects, replicaIdentities: new Map() }
  const identities = await source.query<{ oid: string; previous: string }>(
    `select c.oid, min(i.previous) as previous
       from pgmove.installed i join pg_class c on c.oid = coalesce((select r.oid from pg_class r where r.oid = i.relation), to_regclass(i.name))
      where i.kind = 'replica identity' and i.previous is not null
      group by c.oid`,
  )
  return { objects, replicaIdentities: new Map(identities.map(({ oid, previous }) => [oid, previous])) }
}

const FULL = 'REPLICA IDENTITY FULL;'
const STATEMENT = '\nALTER TABLE ONLY '

/**
 * A table's definition with the replica identity that it had before pgmove set FULL. pg_dump writes the identity as the last
 * statement but for FORCE ROW LEVEL SECURITY.
 */
export function withReplicaIdentity(definition: string, previous: string): string {
  const at = definition.lastIndexOf(FULL)
  const begin = definition.lastIndexOf(STATEMENT, at)
  if (at === -1 || begin === -1 || previous === 'f') return definition
  const after = definition.slice(at + FULL.length)
  if (previous === 'n') return `${definition.slice(0, at)}REPLICA IDENTITY NOTHING;${after}`
  return `${definition.slice(0, begin)}${after.startsWith('\n') ? after.slice(1) : after}`
}
