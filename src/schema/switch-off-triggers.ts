import type { Database } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'
import type { ObjectChange } from '../state/object-change.ts'

/** A change with the statement that makes it. */
export interface PlannedChange extends ObjectChange {
  readonly statement: string
}

interface TriggerRow extends Record<string, string | null> {
  schema: string
  table: string
  name: string
  state: TriggerState
  parent_state: TriggerState | null
}

interface RuleRow extends Record<string, string | null> {
  schema: string
  table: string
  name: string
  state: TriggerState
}

/** pg_trigger.tgenabled and pg_rewrite.ev_enabled. */
type TriggerState = 'O' | 'R' | 'A' | 'D'

const ENABLE: Readonly<Record<TriggerState, string>> = { O: 'enable', R: 'enable replica', A: 'enable always', D: 'disable' }
const SINCE_PARENT_COLUMN = 130000
const SINCE_PARTITION_TRIGGERS = 110000

/**
 * The changes that switch off every trigger that would fire on these tables and their partitions, whatever its firing state. The
 * triggers of foreign keys and deferrable keys are not meant: those can't be switched off by name, and see `prepareTargetTables`.
 *
 * @param tables OIDs
 * @param isOwn whether pgmove created a table
 */
export async function planTriggersOff(target: Database, tables: string, isOwn: (table: string) => boolean): Promise<PlannedChange[]> {
  const rows = await target.query<TriggerRow>(
    `with recursive relation (oid) as (
       select unnest($1::oid[])
       union
       select i.inhrelid from relation r join pg_inherits i on i.inhparent = r.oid join pg_class c on c.oid = i.inhrelid and c.relispartition
     )
     select n.nspname as schema, c.relname as table, t.tgname as name, t.tgenabled as state, p.tgenabled as parent_state
       from relation r
       join pg_class c on c.oid = r.oid and c.relkind in ('r', 'p', 'f')
       join pg_namespace n on n.oid = c.relnamespace
       join pg_trigger t on t.tgrelid = c.oid
       join pg_proc f on f.oid = t.tgfoid
       left join ${parentTrigger(target.version)}
      where not (t.tgisinternal and f.pronamespace = 'pg_catalog'::regnamespace and f.proname ~ '^(RI_FKey_|unique_key_recheck$)')
      order by n.nspname, c.relname, t.tgname`,
    [tables],
  )
  const change = ({ schema, table, name, state }: TriggerRow, only: string): PlannedChange => {
    const relation = qualified(schema, table)
    return {
      kind: 'trigger',
      object: `${relation} ${ident(name)}`,
      own: isOwn(relation),
      restore: `alter table ${only}${relation} ${ENABLE[state]} trigger ${ident(name)}`,
      statement: state === 'D' ? '' : `alter table ${only}${relation} disable trigger ${ident(name)}`,
    }
  }
  // DISABLE on a partitioned table reaches its partitions' copies of the trigger, and so does ENABLE. Copies whose state is another
  // are remembered first: what was changed last is restored first.
  const copies = rows.filter(({ state, parent_state }) => parent_state !== null && parent_state !== state)
  const originals = rows.filter(({ state, parent_state }) => parent_state === null && state !== 'D')
  return [...copies.map((row) => change(row, 'only ')), ...originals.map((row) => change(row, ''))]
}

/** The trigger of the partitioned table of which a partition's trigger is the copy. */
function parentTrigger(version: number): string {
  if (version >= SINCE_PARENT_COLUMN) return 'pg_trigger p on p.oid = t.tgparentid'
  if (version < SINCE_PARTITION_TRIGGERS) return 'pg_trigger p on false'
  return `pg_depend d on d.classid = 'pg_trigger'::regclass and d.refclassid = 'pg_trigger'::regclass and d.objid = t.oid
       left join pg_trigger p on p.oid = d.refobjid`
}

/** The changes that switch off every rule that would act on these tables. */
export async function planRulesOff(target: Database, tables: string, isOwn: (table: string) => boolean): Promise<PlannedChange[]> {
  const rows = await target.query<RuleRow>(
    `select n.nspname as schema, c.relname as table, r.rulename as name, r.ev_enabled as state
       from pg_rewrite r
       join pg_class c on c.oid = r.ev_class and c.relkind in ('r', 'p', 'f')
       join pg_namespace n on n.oid = c.relnamespace
      where r.ev_class = any ($1::oid[]) and r.rulename <> '_RETURN' and r.ev_enabled <> 'D'
      order by n.nspname, c.relname, r.rulename`,
    [tables],
  )
  return rows.map(({ schema, table, name, state }) => {
    const relation = qualified(schema, table)
    return {
      kind: 'rule',
      object: `${relation} ${ident(name)}`,
      own: isOwn(relation),
      restore: `alter table ${relation} ${ENABLE[state]} rule ${ident(name)}`,
      statement: `alter table ${relation} disable rule ${ident(name)}`,
    }
  })
}
