import { runPrecheck, unknownObjects, precheckVerdict } from '../precheck/run-precheck.ts'
import { MigrationError } from '../errors/migration-error.ts'
import { invalidSpecMessage } from '../spec/invalid-spec-message.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { migrationActivity } from './migration-activity.ts'

/** Checks both databases; see MigrationActivities. */
export function precheck(services: ActivityServices): MigrationActivities['precheck'] {
  return migrationActivity(services, async (run, { ignoreWarnings }: Parameters<MigrationActivities['precheck']>[0]) => {
    const source = await run.connect('source', 'precheck', { lockTimeoutMs: 2000 })
    const target = await run.connect('target', 'precheck', { lockTimeoutMs: 2000 })
    const unknown = await unknownObjects(source, run.spec)
    if (unknown.length > 0) throw new MigrationError('InvalidSpec', invalidSpecMessage(unknown), { side: 'source' })
    const items = await runPrecheck({ source, target, spec: run.spec, id: run.id, signal: run.signal })
    const status = items.some((i) => i.status === 'Failed') ? 'Failed' : items.some((i) => i.status === 'Warning') ? 'Warning' : 'Passed'
    // Everything that did not pass is shown; of what passed, as much as fits into a status.
    const shown = [...items.filter((i) => i.status !== 'Passed'), ...items.filter((i) => i.status === 'Passed')].slice(0, 100)
    return { id: run.id, status, items: shown, verdict: precheckVerdict(items, ignoreWarnings) }
  })
}
