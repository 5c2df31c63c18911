import type { Database } from '../postgres/connect.ts'
import { ident } from '../postgres/quote.ts'

/** Whether the session's role may open replication connections. */
export interface ReplicationRight {
  readonly may: boolean
  /** The statement that lets it: on RDS and Aurora by a role that stands for the attribute. */
  readonly grant: string
}

export async function readReplicationRight(source: Database): Promise<ReplicationRight> {
  const [row] = await source.query<{ name: string; may: string; rds: string }>(
    `select r.rolname as name,
            r.rolsuper or r.rolreplication
              or coalesce((select pg_has_role(r.oid, m.oid, 'member') from pg_roles m where m.rolname = 'rds_replication'), false) as may,
            exists (select from pg_roles where rolname = 'rds_replication') as rds
       from pg_roles r where r.rolname = session_user`,
  )
  const role = ident(row?.name ?? '')
  return { may: row?.may === 't', grant: row?.rds === 't' ? `grant rds_replication to ${role}` : `alter role ${role} replication` }
}
