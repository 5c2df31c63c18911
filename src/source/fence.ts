import { sqlState } from '../errors/classify.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { ident, literal } from '../postgres/quote.ts'
import { checkWriters, endWriters } from './end-writers.ts'
import { forgetInstalled, installedByAnother, readInstalled, recordInstalled } from './installed.ts'
import type { Installed, InstalledBy } from './installed.ts'
import { waitForPrepared } from './prepared-transactions.ts'
import { changeSource } from './source-schema.ts'

const SETTING = 'default_transaction_read_only'
const INSUFFICIENT_PRIVILEGE = '42501'
/** Name of the record of the database's own setting; that of a role's is `role "name"`. */
const DATABASE = 'database'

export interface RaiseFenceOptions {
  readonly signal: AbortSignal
  /** Told what is waited for, about every second while it is; undefined when that is over. */
  readonly onWait?: (what: string | undefined) => void
  /** Once new sessions are read-only. */
  readonly onSet?: () => Promise<void>
}

/** What the fence came to. */
export interface RaisedFence {
  /** Sessions that were ended. */
  readonly ended: number
  /** Sessions that the role may not end, of the server's own or a provider's superusers: the stream alone proves that they don't write. */
  readonly kept: readonly string[]
}

/**
 * Makes the database read-only for everybody but pgmove: its default for new sessions, over what roles have set otherwise, then the end
 * of all sessions that began before. Prepared transactions must be gone before and after. What is set is recorded in the same
 * transaction. May be killed anywhere and run again.
 *
 * @throws MigrationError `InsufficientPrivilege` if the role may not; then nothing was changed that is not recorded
 */
export async function raiseFence(source: Database, by: InstalledBy, options: RaiseFenceOptions): Promise<RaisedFence> {
  const { signal, onWait, onSet } = options
  await waitForPrepared(source, { signal, onWait })
  await checkWriters(source)
  await changeSource(source, signal, () => setReadOnly(source, by))
  await onSet?.()
  const result = await endWriters(source, { signal, onWait })
  await waitForPrepared(source, { signal, onWait })
  return result
}

async function setReadOnly(source: Database, by: InstalledBy): Promise<void> {
  const { database, value } = await databaseSetting(source)
  await record(source, by, DATABASE, { previous: value })
  await allowed(source, `alter database ${ident(database)} set ${SETTING} = on`)
  for (const { oid, name, here } of await overridingRoles(source)) {
    await record(source, by, `role ${ident(name)}`, { previous: here, relation: oid })
    await allowed(source, `alter role ${ident(name)} in database ${ident(database)} set ${SETTING} = on`)
  }
}

/** What another migration has set already was as that one found it. */
async function record(
  source: Database,
  by: InstalledBy,
  name: string,
  { previous, relation }: { previous: string | null; relation?: string },
): Promise<void> {
  const other = await installedByAnother(source, by.id, 'fence', name)
  const found = other ? other.previous : previous
  await recordInstalled(source, by, 'fence', name, { previous: found, ...(relation === undefined ? {} : { relation }) })
}

async function allowed(source: Database, statement: string): Promise<void> {
  try {
    await source.query(statement)
  } catch (error) {
    if (sqlState(error) !== INSUFFICIENT_PRIVILEGE) throw error
    throw new MigrationError(
      'InsufficientPrivilege',
      `On the source: the fence needs "${statement}", and the role may not. The source stays writable. Grant the right, then send the signal resume; or send abortCutover.`,
      { side: 'source', cause: error },
    )
  }
}

async function databaseSetting(source: Database): Promise<{ database: string; value: string | null }> {
  const [row] = await source.query<{ database: string; value: string | null }>(
    `select d.datname as database, ${valueOf('s.setconfig')} as value
       from pg_database d left join pg_db_role_setting s on s.setdatabase = d.oid and s.setrole = 0 where d.datname = current_database()`,
  )
  return { database: row?.database ?? '', value: row?.value ?? null }
}

/** A role whose sessions would be writable over the database's setting. */
export interface OverridingRole extends Record<string, string | null> {
  oid: string
  name: string
  /** Its setting for this database; null if its setting for all databases is what overrides. */
  here: string | null
  superuser: string
}

/** Roles with a setting of their own that wins over the database's. A role's setting for the database wins over its setting for all. */
export async function overridingRoles(source: Database): Promise<OverridingRole[]> {
  return source.query<OverridingRole>(
    `select r.oid, r.rolname as name, here.value as here, r.rolsuper as superuser
       from pg_roles r
       left join (select s.setrole, ${valueOf('s.setconfig')} as value from pg_db_role_setting s
                   where s.setdatabase = (select oid from pg_database where datname = current_database())) here on here.setrole = r.oid
       left join (select s.setrole, ${valueOf('s.setconfig')} as value from pg_db_role_setting s where s.setdatabase = 0) own on own.setrole = r.oid
      where not coalesce(here.value, own.value)::boolean
      order by 2`,
  )
}

function valueOf(settings: string): string {
  return `(select substr(c, ${SETTING.length + 2}) from unnest(${settings}) c where left(c, ${SETTING.length + 1}) = '${SETTING}=')`
}

/** Takes the fence away: every setting as it was, unless another migration needs it or somebody has changed it since. */
export async function lowerFence(source: Database, id: string, signal: AbortSignal): Promise<void> {
  for (const row of await readParts(source, id)) await lowerPart(source, id, row, signal)
}

/** The statements that lift a migration's fence by hand, each as it can be given to psql. */
export async function standingFence(source: Database, id: string): Promise<string[]> {
  return fenceStatements(source, await readParts(source, id))
}

/** Milliseconds since new sessions are read-only, by the source's clock. */
export async function closedFor(source: Database, id: string): Promise<number> {
  const [row] = await source.query<{ ms: string }>(
    `select round(extract(epoch from clock_timestamp() - min(installed_at)) * 1000) as ms from pgmove.installed where id = $1 and kind = 'fence'`,
    [id],
  )
  return Number(row?.ms ?? 0)
}

async function readParts(source: Database, id: string): Promise<Installed[]> {
  return (await readInstalled(source, id)).filter(({ kind }) => kind === 'fence')
}

/** The same for one of its settings. */
export async function lowerPart(source: Database, id: string, installed: Installed, signal: AbortSignal): Promise<void> {
  await changeSource(source, signal, async () => {
    const other = await installedByAnother(source, id, 'fence', installed.name)
    const place = other ? undefined : await findPart(source, installed)
    if (place?.stands) await source.query(lowerStatement(place.of, installed))
    await forgetInstalled(source, id, 'fence', installed.name)
  })
}

/** Leaves the setting in force for good: no other migration that finds it there will take it away. */
export async function keepPart(source: Database, id: string, { name }: Installed, signal: AbortSignal): Promise<void> {
  await changeSource(source, signal, async () => {
    await source.query(`update pgmove.installed set previous = 'on' where kind = 'fence' and name = $1 and id <> $2`, [name, id])
    await forgetInstalled(source, id, 'fence', name)
  })
}

/** The statements that take away what stands of a migration's fence. */
export async function fenceStatements(source: Database, installed: readonly Installed[]): Promise<string[]> {
  const statements: string[] = []
  for (const one of installed) {
    if (one.kind !== 'fence') continue
    const place = await findPart(source, one)
    if (place?.stands) statements.push(despiteFence(lowerStatement(place.of, one)))
  }
  return statements
}

/** Where a setting is now, as ALTER names it, and whether it is still pgmove's; undefined if its role is gone. */
async function findPart(source: Database, { name, relation }: Installed): Promise<{ of: string; stands: boolean } | undefined> {
  const [row] = await source.query<{ database: string; role: string | null; value: string | null }>(
    `select d.datname as database, r.rolname as role, ${valueOf('s.setconfig')} as value
       from pg_database d left join pg_roles r on r.oid = $1::oid
       left join pg_db_role_setting s on s.setdatabase = d.oid and s.setrole = coalesce($1::oid, 0)
      where d.datname = current_database()`,
    [name === DATABASE ? null : relation],
  )
  if (!row || (name !== DATABASE && row.role === null)) return undefined
  const database = `database ${ident(row.database)}`
  return { of: row.role === null ? database : `role ${ident(row.role)} in ${database}`, stands: row.value === 'on' }
}

/** A statement for a person's session, which begins read-only while a fence stands, and stays so when it is lifted. */
export function despiteFence(statement: string): string {
  return `begin read write; ${statement}; commit`
}

function lowerStatement(of: string, { previous }: Pick<Installed, 'previous'>): string {
  return previous === null ? `alter ${of} reset ${SETTING}` : `alter ${of} set ${SETTING} = ${literal(previous)}`
}
