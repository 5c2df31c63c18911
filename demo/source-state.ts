import { withSession } from './session.ts'

/** What a migration may add to a source or change there, one line each. */
export type SourceState = readonly string[]

const QUERY = `
  select 'slot ' || slot_name as line from pg_replication_slots where database = current_database()
  union all select 'publication ' || pubname from pg_publication
  union all select 'schema ' || nspname from pg_namespace where nspname !~ '^pg_(temp|toast)'
  union all select 'event trigger ' || evtname from pg_event_trigger
  union all select 'trigger ' || tgname || ' on ' || tgrelid::regclass || ' ' || tgenabled::text from pg_trigger where not tgisinternal
  union all select 'setting of ' || coalesce(setrole::regrole::text, '') || ' ' || unnest(setconfig) from pg_db_role_setting where setdatabase = (select oid from pg_database where datname = current_database())
  union all select 'replica identity ' || c.relreplident::text || ' of ' || c.oid::regclass || coalesce(' by ' || i.indexrelid::regclass, '')
    from pg_class c left join pg_index i on i.indrelid = c.oid and i.indisreplident
    where c.relkind in ('r', 'p') and c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
  order by 1`

/** What stands on the source now. */
export async function sourceState(url: string): Promise<SourceState> {
  return await withSession(url, async ({ query }) => (await query(QUERY)).map(({ line }) => line ?? ''))
}

/** What a migration left behind on the source, or forgot to put back. */
export function leftovers(before: SourceState, after: SourceState): string[] {
  return [
    ...after.filter((line) => !before.includes(line)).map((line) => `left on the source: ${line}`),
    ...before.filter((line) => !after.includes(line)).map((line) => `gone from the source: ${line}`),
  ]
}
