import { establishNameMap } from '../mapping/read-name-map.ts'
import { prepareSource as prepare } from '../source/prepare-source.ts'
import { readSelectedTables } from '../source/selected-tables.ts'
import type { SlotBlocker } from '../source/slot-blocker.ts'
import { openMigrationRecord } from '../state/migration-record.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityRun, ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

/** Publication, slot with its snapshot, heartbeat; see MigrationActivities. */
export function prepareSource(services: ActivityServices): MigrationActivities['prepareSource'] {
  return migrationActivity(services, async (run) => {
    const source = await run.connect('source', 'prepare', { lockTimeoutMs: 2000 })
    const target = await run.connect('target', 'prepare')
    await openMigrationRecord(target, run.ref)
    const names = await establishNameMap(source, target, run.id, run.spec)
    let told: string | undefined
    const prepared = await prepare({
      source,
      sourceConnection: await run.resolved('source'),
      target,
      ref: run.ref,
      namespaceId: await namespaceId(run),
      tables: await readSelectedTables(source, run.spec, names),
      captureDdl: run.spec.ddl === 'capture' ? run.spec : undefined,
      signal: run.signal,
      onSlot: () => run.watchSlot({ needed: true }),
      onWait: (blocker) => {
        const warning = blocker && waitWarning(blocker)
        run.progress = warning === undefined ? {} : { waitingFor: warning }
        if (warning !== undefined && warning !== told) void run.report({ warnings: [warning] })
        told = warning
      },
    })
    run.log('info', 'source prepared', { slot: prepared.slot, lsn: prepared.startLsn })
    await run.failpoint(FAILPOINTS.sourcePrepared)
    return prepared
  })
}

function waitWarning(blocker: SlotBlocker): string {
  return `The slot can't be created before ${describe(blocker)} ends; pgmove waits.`
}

function describe({ gid, pid, since }: SlotBlocker): string {
  const name = gid === undefined ? `the transaction of process ${pid ?? '(unknown)'}` : `the prepared transaction ${gid}`
  return since === undefined ? name : `${name}, open since ${since},`
}

async function namespaceId(run: ActivityRun): Promise<string> {
  const { namespaceInfo } = await run.context.client.workflowService.describeNamespace({ namespace: run.ref.namespace })
  return namespaceInfo?.id ?? ''
}
