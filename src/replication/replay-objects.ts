import { MigrationError } from '../errors/migration-error.ts'
import type { RelationName } from '../mapping/name-map.ts'
import { loadParser } from '../mapping/rewrite-definition.ts'
import { UnrewritableError } from '../mapping/unrewritable-error.ts'
import { ident, qualified } from '../postgres/quote.ts'
import { mapRoles } from '../roles/map-definition.ts'
import { note } from '../state/migration-record.ts'
import { planViewChanges } from './plan-view-changes.ts'
import { planTypeChanges } from './plan-type-changes.ts'
import { isPending, renameSchemaInPending, renameTableInPending } from './follow-tables.ts'
import { unsupported } from './bound-relation.ts'
import { commentInPending } from './follow-pending.ts'
import { redefineSwitch } from './follow-switches.ts'
import type { LoggedObject } from './logged-ddl.ts'
import { unlessRefused } from './unless-refused.ts'
import type { FollowedTables, ReplayArgs, TableReplay } from './replay-tables.ts'

/** Made before the tables that may use them. */
const BEFORE_TABLES: ReadonlySet<string> = new Set(['schema', 'type', 'function', 'procedure', 'extension'])
/** Off until the cutover, as all triggers and rules of a table whose changes are applied. */
const LATER: ReadonlySet<string> = new Set(['trigger', 'rule'])
/** What belongs to one side alone, or is told by its table. */
const PASSED: ReadonlySet<string> = new Set([
  ...['table', 'index', 'sequence', 'table column', 'table constraint', 'default value', 'event trigger', 'publication', 'subscription'],
  ...['publication relation', 'publication namespace', 'subscription relation', 'user mapping', 'statistics object'],
])

/** Makes what is no table on the target as the capture describes it. */
export class ObjectReplay {
  readonly #args: ReplayArgs
  readonly #tables: TableReplay

  constructor(args: ReplayArgs, tables: TableReplay) {
    this.#args = args
    this.#tables = tables
  }

  /** Whether it is selected. */
  concerns(object: LoggedObject, tables: FollowedTables): boolean {
    const { selection } = this.#args
    if (selection === undefined || object.extension || (PASSED.has(object.type) && !object.comment)) return false
    const { schema, name, table } = object
    if (table !== null && schema !== null)
      return tables.find(schema, table) !== undefined || (!tables.has(schema, table) && this.#tables.selects({ schema, name: table }))
    if (schema !== null) return this.#tables.selectsWhole({ schema, name: name ?? '' })
    if (object.type === 'schema' && name !== null) return this.#tables.selectsWhole({ schema: name, name: '' })
    return selection.objects === null
  }

  async apply(
    objects: readonly LoggedObject[],
    when: 'before tables' | 'after tables',
    tables: FollowedTables,
    lsn: string,
  ): Promise<void> {
    for (const object of objects) {
      const first = BEFORE_TABLES.has(object.type) && !object.comment
      if (first !== (when === 'before tables') || !this.concerns(object, tables)) continue
      await this.#one(object, lsn)
    }
  }

  async #one(object: LoggedObject, lsn: string): Promise<void> {
    const { target } = this.#args
    const { type, schema, name, before, statement } = object
    const source = { schema: schema ?? '', table: object.table ?? name ?? object.identity }
    await loadParser()
    if (object.comment) return this.#comment(object, source, lsn)
    if (statement === null) return this.#unknown(object, source, lsn)
    const text = this.#withRoles(type, await this.#tables.rewrite(source, statement, lsn))
    if (LATER.has(type) && object.table !== null && schema !== null && name !== null)
      return this.#later(object, { schema, name: object.table }, name, text)
    if (before !== null && before !== object.identity) {
      const old = await this.#identity(object, before, lsn)
      if (await this.#has(type, old)) await this.#rename(object, old, source, lsn)
      if (type === 'schema') return
    }
    const now = await this.#identity(object, object.identity, lsn)
    if (isView(type) && (await this.#has(type, now))) {
      await this.#alterView(object, source, now, lsn)
      // A materialized view's query never becomes another one.
      if (type === 'materialized view') return
    }
    if (await this.#attempt(text)) return
    if (type === 'type' && object.state && object.stateBefore && (await this.#has(type, now))) {
      if ('columns' in object.state || 'columns' in object.stateBefore) return
      await this.#alter(source, planTypeChanges(object.identity, object.stateBefore, object.state, await this.#partsOf(now)), lsn)
      return
    }
    if (type === 'type' && (await this.#has(type, now))) {
      // Labels are made by themselves. Rows that need another definition are refused.
      if (!object.tag.startsWith('CREATE') && !/ as enum /.test(statement)) await this.#warn(object, lsn)
      return
    }
    // CREATE OR REPLACE can't take columns or results away.
    await target.query('savepoint object')
    if ((await this.#attempt(`drop ${type} if exists ${now}`)) && (await this.#attempt(text))) return
    await target.query('rollback to savepoint object')
    throw unsupported(source, 'was made or altered, and the target refuses the same', lsn)
  }

  /** A policy is for roles. The parser is loaded where any is called otherwise. */
  #withRoles(type: string, statement: string): string {
    const mapping = this.#args.selection?.roles
    return type === 'policy' && mapping ? mapRoles({ kind: 'POLICY', definition: statement }, mapping) : statement
  }

  /** To the name and schema that it has now on the source; what follows then finds it there. */
  async #rename(
    { type, schema, name, table }: LoggedObject,
    old: string,
    source: { schema: string; table: string },
    lsn: string,
  ): Promise<void> {
    const { target, names } = this.#args
    if (name === null) throw unsupported(source, `was renamed or moved: on the target it is ${old}`, lsn)
    const [was] = await target.query<{ schema: string | null; name: string }>(
      `select schema, name from (
         select n.nspname as schema, p.proname as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace where $1 in ('function', 'procedure') and p.oid = to_regprocedure($2)
         union all select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where $1 in ('view', 'materialized view') and c.oid = to_regclass($2)
         union all select n.nspname, t.typname from pg_type t join pg_namespace n on n.oid = t.typnamespace where $1 = 'type' and t.oid = to_regtype($2)
         union all select null, nspname from pg_namespace where $1 = 'schema' and quote_ident(nspname) = $2
         union all select null, polname from pg_policy p where $1 = 'policy' and (pg_identify_object('pg_policy'::regclass, p.oid, 0)).identity = $2) found`,
      [type, old],
    )
    const to =
      type === 'schema'
        ? { schema: null, name: names.schema(name) }
        : table !== null || schema === null
          ? { schema: null, name }
          : isView(type)
            ? names.relation({ schema, name })
            : { schema: names.schema(schema), name }
    if (!was || (was.schema !== null && was.schema !== to.schema && was.name !== to.name))
      throw unsupported(source, `was renamed or moved: on the target it is ${old}`, lsn)
    if (isView(type) && was.schema !== null && to.schema !== null)
      await renamePending(source, lsn, () =>
        renameTableInPending(
          target,
          this.#args.id,
          { schema: was.schema ?? '', name: was.name },
          { schema: to.schema ?? '', name: to.name },
        ),
      )
    else if (type === 'schema') await renamePending(source, lsn, () => renameSchemaInPending(target, this.#args.id, was.name, to.name))
    else if (type !== 'policy' && (await isPending(target, this.#args.id, was.name)))
      throw unsupported(source, `was renamed or moved, and what is to be made at the cutover calls it ${old}`, lsn)
    const [of, on] = type === 'policy' ? policyOf(old, was.name) : [old, '']
    const change = was.schema !== to.schema && was.schema !== null ? `set schema ${ident(to.schema ?? '')}` : `rename to ${ident(to.name)}`
    if (await this.#attempt(`alter ${type} ${of}${on} ${change}`)) return
    throw unsupported(source, `was renamed or moved, and the target refuses the same`, lsn)
  }

  /** The identity under the target's names. */
  async #identity({ type, schema, name }: LoggedObject, identity: string, lsn: string): Promise<string> {
    const { names } = this.#args
    if (!names.changes) return identity
    const drop = await this.#tables.rewrite({ schema: schema ?? '', table: name ?? '' }, `drop ${type} ${identity}`, lsn)
    return drop.slice(`drop ${type} `.length)
  }

  async #has(type: string, identity: string): Promise<boolean> {
    if (type === 'schema')
      return (await this.#args.target.query(`select from pg_namespace where quote_ident(nspname) = $1`, [identity])).length > 0
    if (type === 'policy')
      return (
        (
          await this.#args.target.query(
            `select from pg_policy p where (pg_identify_object('pg_policy'::regclass, p.oid, 0)).identity = $1`,
            [identity],
          )
        ).length > 0
      )
    const lookup = type === 'function' || type === 'procedure' ? 'to_regprocedure' : type === 'type' ? 'to_regtype' : 'to_regclass'
    return (await this.#args.target.query(`select where ${lookup}($1) is not null`, [identity])).length > 0
  }

  async #alterView(object: LoggedObject, source: { schema: string; table: string }, now: string, lsn: string): Promise<void> {
    const { type, schema, name, state, stateBefore } = object
    if (!state || !stateBefore || !('columns' in state) || !('columns' in stateBefore) || schema === null || name === null) return
    const indexes = await this.#args.target.query<{ name: string; definition: string }>(
      `select c.relname as name, pg_get_indexdef(c.oid) as definition from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = to_regclass($1)
       union all
       select name, '' from pgmove.entry where id = $2 and kind = 'INDEX' and restored_at is null and skipped is null
          and to_regclass(quote_ident(table_schema) || '.' || quote_ident(table_name)) = to_regclass($1)`,
      [now, this.#args.id],
    )
    const there = { columns: await this.#partsOf(now), indexes: new Map(indexes.map((one) => [one.name, one.definition])) }
    await this.#alter(source, planViewChanges(type, { schema, name }, stateBefore, state, there), lsn)
  }

  async #alter(source: { schema: string; table: string }, statements: readonly string[], lsn: string): Promise<void> {
    for (const statement of statements)
      if (!(await this.#attempt(await this.#tables.rewrite(source, statement, lsn))))
        throw unsupported(source, 'was altered, and the target refuses the same', lsn)
  }

  /** The names of a domain's constraints, or of the columns of a composite type or view. */
  async #partsOf(type: string): Promise<ReadonlySet<string>> {
    const rows = await this.#args.target.query<{ name: string }>(
      `select conname as name from pg_constraint where contypid = to_regtype($1)
       union all select a.attname from pg_attribute a where a.attrelid in (select t.typrelid from pg_type t where t.oid = to_regtype($1)) and a.attnum > 0 and not a.attisdropped`,
      [type],
    )
    return new Set(rows.map(({ name }) => name))
  }

  async #attempt(statement: string): Promise<boolean> {
    return unlessRefused(this.#args.target, `set local check_function_bodies = off; ${statement}`)
  }

  async #later({ type, tag, identity }: LoggedObject, table: RelationName, name: string, text: string): Promise<void> {
    const { target, id, names } = this.#args
    const to = names.relation(table)
    const label = qualified(to.schema, to.name)
    // Renamed with its table's other changes; no other ALTER changes more.
    if (!tag.startsWith('CREATE'))
      return void (await redefineSwitch(target, id, { kind: type as 'trigger' | 'rule', table: to, name }, text))
    // Where it stands already its definition may be another; both are there in no time.
    await target.query(`drop ${type} if exists ${ident(name)} on ${label}`)
    await target.query(
      `update pgmove.entry set restored_at = clock_timestamp(), skipped = 'made anew on the source'
        where id = $1 and restored_at is null and kind = upper($2) and table_schema = $3 and table_name = $4 and name in ($5, $4 || ' ' || $5)`,
      [id, type, to.schema, to.name, name],
    )
    await target.query(
      `insert into pgmove.object_change as o (id, kind, object, own, restore) values ($1, $2, $3, true, $4)
       on conflict (id, kind, object) do update set restore = excluded.restore, own = true, restored_at = null`,
      [id, type, `${label} ${ident(name)}`, text],
    )
    if (text === '') throw new MigrationError('Internal', `${identity} has no definition`)
  }

  /** Of something that is off until the cutover it comes with it. */
  async #comment(object: LoggedObject, source: { schema: string; table: string }, lsn: string): Promise<void> {
    const { target, id, names } = this.#args
    const { schema, table, name, statement } = object
    if (statement === null) return
    const text = await this.#tables.rewrite(source, statement, lsn)
    if (await this.#attempt(text)) return
    if (schema === null || table === null || name === null) throw unsupported(source, 'got a comment, which the target refuses', lsn)
    const of = { type: object.type, table: names.relation({ schema, name: table }), name }
    if (await commentInPending(target, id, of, text)) return
    throw unsupported(source, `got a comment on ${object.identity}, which the target refuses`, lsn)
  }

  /** What can't be described waits to be made by hand; what was altered is told, for it can't be seen whether that was done. */
  async #unknown({ type, tag, identity, address }: LoggedObject, source: { schema: string; table: string }, lsn: string): Promise<void> {
    const { names } = this.#args
    if (PASSED.has(type)) return
    if (tag.startsWith('CREATE') && address && !names.changes) {
      const text = `select from pg_get_object_address('${type.replaceAll("'", "''")}', (select array(select jsonb_array_elements_text('${json(address.names)}'))), (select array(select jsonb_array_elements_text('${json(address.args)}'))))`
      if (await this.#attempt(text)) return
      const found = `: ${type} ${identity} was made, which pgmove does not follow`
      throw unsupported(source, found, lsn)
    }
    await this.#warn({ type, tag, identity }, lsn)
  }

  /** They say what later objects of a role get: nothing that is there has changed. */
  async defaultPrivileges(lsn: string): Promise<void> {
    if (this.#args.selection?.roles?.grants !== 'keep') return
    await this.#warn({ type: 'default privileges', tag: 'ALTER DEFAULT PRIVILEGES', identity: 'of a role' }, lsn)
  }

  async #warn({ type, tag, identity }: Pick<LoggedObject, 'type' | 'tag' | 'identity'>, lsn: string): Promise<void> {
    const { target, id } = this.#args
    const text = `On the source: ${tag}, in the transaction that committed at ${lsn}. It was not followed: make it on the target by hand.`
    await note(target, id, 'warning', `${type} ${identity}`, text)
  }
}

function isView(type: string): boolean {
  return type === 'view' || type === 'materialized view'
}

/** PostgreSQL prints `name on schema.table`. */
function policyOf(identity: string, name: string): [string, string] {
  const quoted = identity.startsWith('"') ? ident(name) : name
  return [ident(name), identity.slice(quoted.length)]
}

async function renamePending(source: { schema: string; table: string }, lsn: string, rename: () => Promise<void>): Promise<void> {
  try {
    await rename()
  } catch (error) {
    if (!(error instanceof UnrewritableError)) throw error
    throw unsupported(source, `was renamed or moved, and ${error.message}`, lsn)
  }
}

function json(values: readonly string[]): string {
  return JSON.stringify(values).replaceAll("'", "''")
}
