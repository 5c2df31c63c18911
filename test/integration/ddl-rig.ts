import assert from 'node:assert/strict'
import { after } from 'node:test'
import { connect } from '../../src/postgres/connect.ts'
import type { Database } from '../../src/postgres/connect.ts'
import { resolveConnection } from '../../src/postgres/resolve-connection.ts'
import { qualified } from '../../src/postgres/quote.ts'
import { installDdlCapture } from '../../src/source/ddl-capture.ts'
import type { TableSelection } from '../../src/source/ddl-capture.ts'
import { recordInstalled } from '../../src/source/installed.ts'
import type { InstalledBy } from '../../src/source/installed.ts'
import { installSourceSchema } from '../../src/source/source-schema.ts'
import { publicationName } from '../../src/state/migration-ref.ts'
import { rig } from './apply-rig.ts'
import type { Rig } from './apply-rig.ts'

const never = new AbortController().signal
const EVERYTHING: TableSelection = { objects: null, exclude: [] }
const open: Database[] = []
after(async () => {
  for (const one of open) await one.close()
})

export interface CapturingRig extends Rig {
  /** A session on the source. */
  readonly capture: Database
  readonly by: InstalledBy
}

/** A rig whose publication lists its tables, as a migration's does, and that follows new tables. */
export async function capturing(options: Parameters<typeof rig>[0], selection: TableSelection = EVERYTHING): Promise<CapturingRig> {
  const made = await rig(options)
  const source = await connect(await resolveConnection({ url: made.source.url }, 'source'), { side: 'source', applicationName: 'capture' })
  open.push(source)
  const by = { id: made.id, namespaceId: '00000000-0000-4000-8000-000000000001', workflowId: 'w', firstRunId: 'r' }
  await installSourceSchema(source, by, never)
  assert.equal(await installDdlCapture(source, by, selection, never), true)
  const publication = publicationName(made.id)
  const listed = [...made.tables.values()].map(({ sourceSchema, sourceTable }) => qualified(sourceSchema, sourceTable))
  await made.source.sql(
    `create publication ${publication} for table ${[...listed, 'pgmove.ddl_log', ...(options.from === 10 ? ['pgmove.truncate_log'] : [])].join(', ')}`,
  )
  await source.transaction(() => recordInstalled(source, by, 'publication', publication))
  // A slot knows no publication that came after it.
  const [slot] = await made.source.sql('select slot_name as name from pg_replication_slots where database = current_database()')
  await made.source.sql(`select pg_drop_replication_slot('${slot!['name']!}')`)
  await made.source.sql(`select pg_create_logical_replication_slot('${slot!['name']!}', 'pgoutput')`)
  await source.transaction(() => recordInstalled(source, by, 'slot', slot!['name']!))
  const drain: Rig['drain'] = async (more = {}) => {
    const open = (startLsn: bigint) => made.stream(startLsn, publication)
    const result = await made.drain({ selection, open, ...more })
    const [missed] = await made.source.sql('select is_called::text as missed from pgmove.ddl_missed')
    assert.equal(missed?.['missed'], 'false', 'the capture has failed')
    return result
  }
  return { ...made, drain, capture: source, by }
}
