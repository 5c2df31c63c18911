import type { ResolvedConnection } from '../postgres/resolved-connection.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import { SEARCH_ATTRIBUTES } from '../workflows/search-attributes.ts'
import type { ActivityServices } from './activity-run.ts'
import { migrationActivity } from './migration-activity.ts'

/** `temporal.api.enums.v1.IndexedValueType`. */
const KEYWORD = 2
/** Some stores of visibility refuse longer keywords. */
const KEYWORD_LIMIT = 200

/** Whether the namespace has pgmove's search attributes, and what to put into those of source and target. Connects to no database. */
export function findSearchAttributes(services: ActivityServices): MigrationActivities['findSearchAttributes'] {
  return migrationActivity(services, async (run) => {
    const { client, info } = run.context
    const { customAttributes } = await client.connection.operatorService.listSearchAttributes({ namespace: info.namespace })
    if (!SEARCH_ATTRIBUTES.every((name) => (customAttributes[name] as number | undefined) === KEYWORD)) return null
    // What a reference fails with is told by the precheck.
    const place = async (side: 'source' | 'target') => placeOf(await run.resolved(side).catch(() => undefined))
    return { source: await place('source'), target: await place('target') }
  })
}

/** Where a database is, without user and password: `host:port/dbname`. */
export function placeOf(connection: Pick<ResolvedConnection, 'hosts' | 'database'> | undefined): string {
  if (!connection) return 'unknown'
  const hosts = connection.hosts.map(({ host, hostaddr, port }) => `${bracketed(host === '' ? hostaddr : host)}:${port}`)
  return `${hosts.join(',')}/${connection.database}`.slice(0, KEYWORD_LIMIT)
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
