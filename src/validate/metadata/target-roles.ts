import type { Database } from '../../postgres/connect.ts'

/** What a comparison asks about the target's roles and tablespaces. */
export interface TargetRoles {
  readonly role: (source: string) => string | undefined
  readonly mayOwn: ReadonlySet<string>
  readonly targetRole: string
  readonly tablespaces: ReadonlySet<string>
}

/** Reads the target's roles; `map` gives other names to roles of the source. */
export async function readTargetRoles(target: Database, map: Readonly<Record<string, string>>): Promise<TargetRoles> {
  const rows = await target.query<{ name: string; own: string; self: string }>(
    `select rolname as name, pg_has_role(oid, 'member') as own, rolname = current_user as self from pg_roles`,
  )
  const spaces = await target.query<{ name: string }>('select spcname as name from pg_tablespace')
  const names = new Set(rows.map(({ name }) => name))
  return {
    role: (source) => {
      const name = Object.hasOwn(map, source) ? map[source] : source
      return name !== undefined && names.has(name) ? name : undefined
    },
    mayOwn: new Set(rows.filter(({ own }) => own === 't').map(({ name }) => name)),
    targetRole: rows.find(({ self }) => self === 't')?.name ?? '',
    tablespaces: new Set(spaces.map(({ name }) => name)),
  }
}
