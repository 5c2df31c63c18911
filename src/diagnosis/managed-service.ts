import type { Database } from '../postgres/connect.ts'

/** Who runs the server, as far as its roles and functions tell. */
export type ManagedService = 'Amazon RDS' | 'Amazon Aurora' | 'Google Cloud SQL' | 'Azure Database for PostgreSQL'

/** Recognises a managed service by the roles and functions that it puts into every database; undefined for any other server. */
export async function managedService(database: Database): Promise<ManagedService | undefined> {
  const [row] = await database.query<{ rds: string; aurora: string; google: string; azure: string }>(
    `select exists (select from pg_roles where rolname = 'rds_superuser') as rds,
            exists (select from pg_proc where proname = 'aurora_version') as aurora,
            exists (select from pg_roles where rolname = 'cloudsqlsuperuser') as google,
            exists (select from pg_roles where rolname = 'azure_pg_admin') as azure`,
  )
  if (row?.aurora === 't') return 'Amazon Aurora'
  if (row?.rds === 't') return 'Amazon RDS'
  if (row?.google === 't') return 'Google Cloud SQL'
  return row?.azure === 't' ? 'Azure Database for PostgreSQL' : undefined
}

/** Recognises it by a host's name, or by the directory of its socket, before a session stands. Names: the services' documentation of endpoints. */
export function serviceOfHost(host: string): ManagedService | undefined {
  const name = host.toLowerCase().replace(/\.$/, '')
  if (/\.rds\.amazonaws\.com(\.cn)?$/.test(name)) return /\.cluster-/.test(name) ? 'Amazon Aurora' : 'Amazon RDS'
  if (/\.postgres\.database\.(azure\.com|usgovcloudapi\.net|chinacloudapi\.cn)$/.test(name)) return 'Azure Database for PostgreSQL'
  return name.startsWith('/cloudsql/') || name.endsWith('.sql.goog') ? 'Google Cloud SQL' : undefined
}

/** What stands there for a line in pg_hba.conf, which nobody can edit: the way in by TLS, a right, or a firewall. */
export function accessFix(service: ManagedService, role: string, { plain, replication }: { plain: boolean; replication: boolean }): string {
  const tls = plain ? 'Connections without TLS are refused: use sslmode=verify-full (or require) in the URL. ' : ''
  switch (service) {
    case 'Amazon RDS':
    case 'Amazon Aurora':
      return `${tls}${plain ? 'Or set rds.force_ssl = 0 in the parameter group. ' : ''}${replication ? `For replication: grant rds_replication to ${role}` : `Let the role log in: alter role ${role} login`}`
    case 'Google Cloud SQL':
      return `${tls}${plain ? "Or change the instance's SSL mode. " : ''}${replication ? `For replication: alter role ${role} replication, and cloudsql.logical_decoding = on` : `Let the role log in: alter role ${role} login`}`
    case 'Azure Database for PostgreSQL':
      return `${tls}${plain ? 'Or set require_secure_transport = off. ' : ''}${replication ? `For replication: alter role ${role} replication` : "Add the worker's address to the firewall rules of the server (Networking)."}`
  }
}

/**
 * How a parameter of the whole server is set there.
 *
 * @param value as `alter system` takes it
 */
export function setParameter(service: ManagedService | undefined, name: string, value: string, needs: 'reload' | 'restart'): string {
  const setting = `${name} = ${value.replaceAll("'", '')}`
  const restart = needs === 'restart'
  switch (service) {
    case 'Amazon RDS':
      return `Set ${setting} in the parameter group of the instance${restart ? ' and reboot it' : ''}.`
    case 'Amazon Aurora':
      return `Set ${setting} in the parameter group of the cluster${restart ? ' and reboot the writer' : ''}.`
    case 'Google Cloud SQL':
      return `Set the flag ${setting}${restart ? '; the instance restarts' : ''}.`
    case 'Azure Database for PostgreSQL':
      return `Set the server parameter ${setting}${restart ? ' and restart the server' : ''}.`
    case undefined:
      return `alter system set ${name} = ${value}; then ${restart ? 'restart the server' : 'select pg_reload_conf()'}.`
  }
}

/** How `wal_level = logical` comes about there. */
export function walLevelFix(service: ManagedService | undefined): string {
  switch (service) {
    case 'Amazon RDS':
      return 'Set rds.logical_replication = 1 in the parameter group of the instance and reboot it.'
    case 'Amazon Aurora':
      return 'Set rds.logical_replication = 1 in the parameter group of the cluster and reboot the writer.'
    case 'Google Cloud SQL':
      return 'Set the flag cloudsql.logical_decoding = on; the instance restarts.'
    case 'Azure Database for PostgreSQL':
      return 'Set the server parameter wal_level = logical and restart the server.'
    case undefined:
      return 'Run "alter system set wal_level = logical" as superuser and restart the server.'
  }
}
