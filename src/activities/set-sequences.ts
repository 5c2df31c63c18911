import { setSequences as set } from '../cutover/set-sequences.ts'
import { qualified } from '../postgres/quote.ts'
import { readNameMap } from '../state/name-map-record.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

/** Sets all sequences; see MigrationActivities. */
export function setSequences(services: ActivityServices): MigrationActivities['setSequences'] {
  return migrationActivity(services, async (run) => {
    const source = await run.connect('source', 'sequences')
    const target = await run.connect('target', 'sequences')
    const { values, moved } = await set({ source, target, id: run.id, spec: run.spec, map: await readNameMap(target, run.id) })
    await run.failpoint(FAILPOINTS.sequencesSet)
    const items = values.slice(0, 50).map((s) => ({ name: qualified(s.schema, s.name), value: s.lastValue }))
    return { total: values.length, items, moved: moved.slice(0, 50) }
  })
}
