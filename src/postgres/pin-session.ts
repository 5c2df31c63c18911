import type pg from 'pg'
import { MigrationError } from '../errors/migration-error.ts'
import type { Side } from '../errors/migration-error.ts'
import { literal } from './quote.ts'
import { LATER_SETTINGS, sessionSettings } from './session-settings.ts'

/** What a server says about itself when a session begins. */
export interface ServerFacts {
  readonly version: number
  readonly processId: number
  readonly standby: boolean
  readonly readOnly: boolean
}

interface Facts {
  version: string
  process_id: string
  standby: string
  read_only: string
}
interface Setting {
  name: string
  before: string | null
  after: string
  process_id: string
}

const OLDEST = 100000

/** Hints of the errors of a session that is not what it has to be. */
export const POOLER = 'Give the URL of the server itself, not of a connection pooler, then send the signal resume.'
export const TOO_OLD = 'Give the URL of a server of PostgreSQL 10 or newer, then send the signal resume.'

/**
 * Adds the settings that only newer versions know and verifies that every one holds, over ALTER DATABASE and ALTER ROLE
 * SET; a pooler that dropped the startup options or moves the session between servers is found here. Both sides of the
 * comparison are as the server prints them. Simple queries only: a walsender takes no others.
 */
export async function pinSession(client: pg.Client, side: Side, own: Readonly<Record<string, string>>): Promise<ServerFacts> {
  const { rows } = await client.query<Facts>(
    `select current_setting('server_version_num') as version, pg_backend_pid() as process_id, pg_is_in_recovery() as standby,
            current_setting('transaction_read_only') as read_only`,
  )
  const [facts] = rows
  if (!facts) throw problem(side, 'the server did not say its version')
  const version = Number(facts.version)
  if (version < OLDEST) throw problem(side, `the server has version ${facts.version}, and pgmove needs PostgreSQL 10 or newer`, TOO_OLD)

  const settings = Object.entries(sessionSettings(version, own))
  const values = settings.map(([name, value]) => `(${literal(name)}, ${literal(value)})`).join(', ')
  const { rows: held } = await client.query<Setting>(
    `select name, current_setting(name, true) as before, set_config(name, value, false) as after, pg_backend_pid() as process_id
       from (values ${values}) as wanted (name, value)`,
  )
  const late = new Set(LATER_SETTINGS.map(({ name }) => name))
  const lost = held.find(({ name, before, after }) => !late.has(name) && before !== after)
  if (lost) throw problem(side, `the server did not take the setting ${lost.name} at the start of the session`)
  if (held.length !== settings.length || held.some(({ process_id }) => process_id !== facts.process_id)) {
    throw problem(side, 'the session moves between server processes')
  }
  return { version, processId: Number(facts.process_id), standby: facts.standby === 't', readOnly: facts.read_only === 'on' }
}

function problem(side: Side, text: string, hint = POOLER): MigrationError {
  return new MigrationError('Internal', `On the ${side}: ${text}. Nothing was changed; pgmove waits.`, { side, hint })
}
