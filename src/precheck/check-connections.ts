import type { Database } from '../postgres/connect.ts'
import { managedService, setParameter } from '../diagnosis/managed-service.ts'
import { ident } from '../postgres/quote.ts'
import type { Check } from './check.ts'
import { passed, warning } from './finding.ts'

/** Beside the copies: the stream, the heartbeat, what watches and what pgmove does once. */
const BESIDE = 6
/** A copy reads by one session and looks who waits for it by another; on the target one writes and one tells of pauses. */
const PER_COPY = 2

/** Sessions that the copy opens at most, as the spec limits its jobs. */
export function sessionsNeeded(side: 'source' | 'target', jobs: { readonly tableJobs: number; readonly indexJobs: number }): number {
  return PER_COPY * jobs.tableJobs + (side === 'target' ? jobs.indexJobs : 0) + BESIDE
}

/** Who comes when none is free waits as OutOfResources, which is nothing to find out in the night. */
export const connections: Check = {
  name: 'connections',
  expected: 'room on both servers for the sessions of all jobs',
  run: async ({ source, target, spec }) => {
    const jobs = spec.copy ?? { tableJobs: 4, indexJobs: 2 }
    const [onSource, onTarget] = [await free(source), await free(target)]
    const needs = { source: sessionsNeeded('source', jobs), target: sessionsNeeded('target', jobs) }
    const found = `free on the source ${onSource.free} of ${needs.source} needed, on the target ${onTarget.free} of ${needs.target}`
    const fixes = [
      ...(onSource.free < needs.source ? [await onSource.fix(needs.source, 'source')] : []),
      ...(onTarget.free < needs.target ? [await onTarget.fix(needs.target, 'target')] : []),
    ]
    if (fixes.length === 0) return passed(found)
    return warning(found, `${fixes.join('; ')}; or lower "copy": {"tableJobs", "indexJobs"}`)
  },
}

interface Free {
  readonly free: number
  readonly fix: (needed: number, side: string) => Promise<string>
}

/** Of other roles' sessions the type may be hidden, but never that they have a role. */
const ORDINARY = `coalesce(backend_type, 'client backend') = 'client backend' and usesysid is not null`

/** The least of what the server, the database and the role have left. */
async function free(database: Database): Promise<Free> {
  const [row] = await database.query<Record<'server' | 'database' | 'role' | 'most' | 'name' | 'in', string>>(
    `select current_setting('max_connections')::int
              - case when r.rolsuper then 0 else current_setting('superuser_reserved_connections')::int end
              - (select count(*) from pg_stat_activity where ${ORDINARY})
              ${database.version >= 120000 ? '' : `- (select count(*) from pg_stat_activity where backend_type = 'walsender')`} as server,
            case when r.rolsuper or d.datconnlimit < 0 then 1000000 else d.datconnlimit - (select numbackends from pg_stat_database where datid = d.oid) end as database,
            case when r.rolsuper or r.rolconnlimit < 0 then 1000000 else r.rolconnlimit - (select count(*) from pg_stat_activity where usesysid = r.oid) end as role,
            current_setting('max_connections') as most, r.rolname as name, d.datname as in
       from pg_roles r, pg_database d where r.rolname = session_user and d.datname = current_database()`,
  )
  const left = { server: Number(row?.server), database: Number(row?.database), role: Number(row?.role) }
  const least = Math.min(left.server, left.database, left.role)
  return {
    free: Math.max(0, least),
    fix: async (needed, side) => {
      const more = needed - least
      if (least === left.role) return `on the ${side}: alter role ${ident(row?.name ?? '')} connection limit -1`
      if (least === left.database) return `on the ${side}: alter database ${ident(row?.in ?? '')} connection limit -1`
      const raise = setParameter(await managedService(database), 'max_connections', String(Number(row?.most) + more), 'restart')
      return `on the ${side}: end ${more} sessions, or: ${raise}`
    },
  }
}
