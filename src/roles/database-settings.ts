import type { Database } from '../postgres/connect.ts'

/** ALTER DATABASE … SET, or ALTER ROLE … IN DATABASE … SET. */
export interface DatabaseSetting {
  /** Null for the database itself. */
  readonly role: string | null
  readonly name: string
  /** As pg_db_role_setting has it; of lists, quoted identifiers. */
  readonly value: string
}

/** What belongs to a database rather than to its schemas. */
export interface DatabaseFacts {
  readonly name: string
  readonly owner: string
  readonly comment: string | null
  /** -1: none. */
  readonly connectionLimit: string
  /** Rights on the database itself, one GRANT each, without those that every database has. */
  readonly grants: readonly { readonly role: string | null; readonly privilege: string; readonly grantable: boolean }[]
  /** PUBLIC may connect and make temporary tables unless that was revoked. */
  readonly revokedFromPublic: readonly string[]
  readonly settings: readonly DatabaseSetting[]
}

export async function readDatabaseFacts(database: Database): Promise<DatabaseFacts> {
  const [row] = await database.query<{ name: string; owner: string; comment: string | null; limit: string }>(
    `select datname as name, pg_get_userbyid(datdba) as owner, shobj_description(oid, 'pg_database') as comment, datconnlimit as limit
       from pg_database where datname = current_database()`,
  )
  const grants = await database.query<{ role: string | null; privilege: string; grantable: string }>(
    `select r.rolname as role, a.privilege_type as privilege, a.is_grantable as grantable
       from pg_database d cross join lateral aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a left join pg_roles r on r.oid = a.grantee
      where d.datname = current_database() and a.grantee <> d.datdba order by r.rolname nulls first, a.privilege_type`,
  )
  const settings = await database.query<{ role: string | null; setting: string }>(
    `select r.rolname as role, c.setting
       from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase and d.datname = current_database()
       left join pg_roles r on r.oid = s.setrole
       cross join lateral unnest(s.setconfig) with ordinality c (setting, ordinal)
      order by r.rolname nulls first, c.ordinal`,
  )
  const ofPublic = new Set(grants.flatMap(({ role, privilege }) => (role === null ? [privilege] : [])))
  return {
    name: row?.name ?? '',
    owner: row?.owner ?? '',
    comment: row?.comment ?? null,
    connectionLimit: row?.limit ?? '-1',
    grants: grants
      .filter(({ role, privilege }) => role !== null || !PUBLIC.includes(privilege))
      .map(({ role, privilege, grantable }) => ({ role, privilege, grantable: grantable === 't' })),
    revokedFromPublic: PUBLIC.filter((privilege) => !ofPublic.has(privilege)),
    settings: settings.map(({ role, setting }) => {
      const at = setting.indexOf('=')
      return { role, name: setting.slice(0, at), value: setting.slice(at + 1) }
    }),
  }
}

const PUBLIC: readonly string[] = ['CONNECT', 'TEMPORARY']
