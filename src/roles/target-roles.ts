import type { Database } from '../postgres/connect.ts'

/** What the target role may do with another role. */
export interface KnownRole {
  /** It may SET ROLE to it, and so make it the owner of what it owns. */
  readonly settable: boolean
  /** It has the role's privileges without SET ROLE. */
  readonly usable: boolean
}

/** The target's roles, as the target role sees them. */
export interface TargetRoles {
  /** The target role itself. */
  readonly me: string
  readonly superuser: boolean
  readonly known: ReadonlyMap<string, KnownRole>
}

/** From 16 on membership alone does not allow SET ROLE. */
const SINCE_SET_OPTION = 160000

export async function readTargetRoles(target: Database): Promise<TargetRoles> {
  const right = target.version >= SINCE_SET_OPTION ? 'set' : 'member'
  const rows = await target.query<{ name: string; settable: string; usable: string; me: string; superuser: string }>(
    `select rolname as name, pg_has_role(oid, '${right}') as settable, pg_has_role(oid, 'usage') as usable,
            rolname = current_user as me, rolsuper as superuser
       from pg_roles`,
  )
  const me = rows.find((row) => row.me === 't')
  return {
    me: me?.name ?? '',
    superuser: me?.superuser === 't',
    known: new Map(rows.map(({ name, settable, usable }) => [name, { settable: settable === 't', usable: usable === 't' }])),
  }
}
