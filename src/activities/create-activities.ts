import type { CleanUpActivities } from '../workflows/clean-up-activities.ts'
import type { ConnectionActivities } from '../workflows/connection-activities.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { applyChanges } from './apply-changes.ts'
import { attachForeignKeys } from './attach-foreign-keys.ts'
import { buildIndexes } from './build-indexes.ts'
import { cleanUpSource } from './clean-up-source.ts'
import { compareChanged } from './compare-changed.ts'
import { compareCounts } from './compare-counts.ts'
import { compareData } from './compare-data.ts'
import { compareMetadata } from './compare-metadata.ts'
import { copyAgain } from './copy-again.ts'
import { copyGroup } from './copy-group.ts'
import { copyLargeObjects } from './copy-large-objects.ts'
import { copyUnderOneSnapshot } from './copy-under-one-snapshot.ts'
import { diagnoseConnection } from './diagnose-connection.ts'
import { dumpDefinitions } from './dump-definitions.ts'
import { findSearchAttributes } from './find-search-attributes.ts'
import { findSources } from './find-sources.ts'
import { finishCopy } from './finish-copy.ts'
import { logKeys } from './log-keys.ts'
import { lowerFence } from './lower-fence.ts'
import { planTables } from './plan-tables.ts'
import { precheck } from './precheck.ts'
import { prepareSource } from './prepare-source.ts'
import { prepareTarget } from './prepare-target.ts'
import { putTargetBack } from './put-target-back.ts'
import { raiseFence } from './raise-fence.ts'
import { refreshViews } from './refresh-views.ts'
import { releaseSource } from './release-source.ts'
import { resolveTable } from './resolve-table.ts'
import { restoreConstraints } from './restore-constraints.ts'
import { restoreDefinitions } from './restore-definitions.ts'
import { restoreTarget } from './restore-target.ts'
import { setPaused } from './set-paused.ts'
import { setSequences } from './set-sequences.ts'
import { setTransferRate } from './set-transfer-rate.ts'
import { takeMarker } from './take-marker.ts'
import { tryConnection } from './try-connection.ts'
import { undoRestore } from './undo-restore.ts'
import { verifyTarget } from './verify-target.ts'
import { waitApplied } from './wait-applied.ts'
import { watchSlot } from './watch-slot.ts'
import { writeReport } from './write-report.ts'

/** All activities of a worker, with what they need from outside. */
export function createActivities(services: ActivityServices): MigrationActivities & CleanUpActivities & ConnectionActivities {
  return {
    applyChanges: applyChanges(services),
    attachForeignKeys: attachForeignKeys(services),
    buildIndexes: buildIndexes(services),
    cleanUpSource: cleanUpSource(services),
    compareCounts: compareCounts(services),
    compareMetadata: compareMetadata(services),
    compareData: compareData(services),
    compareChanged: compareChanged(services),
    logKeys: logKeys(services),
    copyAgain: copyAgain(services),
    copyGroup: copyGroup(services),
    copyLargeObjects: copyLargeObjects(services),
    copyUnderOneSnapshot: copyUnderOneSnapshot(services),
    diagnoseConnection: diagnoseConnection(services),
    dumpDefinitions: dumpDefinitions(services),
    findSearchAttributes: findSearchAttributes(services),
    findSources: findSources(),
    finishCopy: finishCopy(services),
    lowerFence: lowerFence(services),
    planTables: planTables(services),
    precheck: precheck(services),
    prepareSource: prepareSource(services),
    prepareTarget: prepareTarget(services),
    putTargetBack: putTargetBack(services),
    raiseFence: raiseFence(services),
    refreshViews: refreshViews(services),
    releaseSource: releaseSource(services),
    resolveTable: resolveTable(services),
    restoreConstraints: restoreConstraints(services),
    restoreDefinitions: restoreDefinitions(services),
    restoreTarget: restoreTarget(services),
    undoRestore: undoRestore(services),
    setPaused: setPaused(services),
    setSequences: setSequences(services),
    setTransferRate: setTransferRate(services),
    takeMarker: takeMarker(services),
    tryConnection: tryConnection(services),
    verifyTarget: verifyTarget(services),
    waitApplied: waitApplied(services),
    watchSlot: watchSlot(services),
    writeReport: writeReport(services),
  }
}
