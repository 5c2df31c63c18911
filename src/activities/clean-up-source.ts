import { cleanUpSource as cleanUp } from '../clean-up/clean-up-source.ts'
import { fenceOf, namespaceUuid, workflowState } from '../clean-up/workflow-state.ts'
import { connect } from '../postgres/connect.ts'
import { resolveConnection } from '../postgres/resolve-connection.ts'
import type { CleanUpActivities, CleanedSource, SourceCleanUp } from '../workflows/clean-up-activities.ts'
import { sourceLabel } from '../workflows/clean-up-result.ts'
import type { RemovedFromSource } from '../workflows/clean-up-result.ts'
import type { ActivityServices } from './activity-run.ts'
import { standaloneActivity } from './standalone-activity.ts'

/** What happens next when a clean-up has failed. */
export const NEXT_CLEAN_UP = 'The next clean-up tries again.'

/** Removes from one source what migrations that are over have left there; see CleanUpActivities. */
export function cleanUpSource(services: ActivityServices): CleanUpActivities['cleanUpSource'] {
  return standaloneActivity<SourceCleanUp, CleanedSource, readonly RemovedFromSource[]>(NEXT_CLEAN_UP, async (run, input) => {
    const { client, info } = run.context
    const { signal } = run
    const namespace = info.namespace
    const namespaceId = await namespaceUuid(client, namespace)
    const resolved = await resolveConnection(input.source, 'source', services.env)
    const source = await connect(resolved, { side: 'source', applicationName: 'pgmove clean-up', signal, lockTimeoutMs: 2000 })
    try {
      return await cleanUp({
        ...input,
        source,
        label: sourceLabel(input.source),
        namespaceId,
        workflowState: (migration) => workflowState(client, namespace, migration),
        fenceOf: (migration) => fenceOf(client, namespace, migration),
        signal,
        removedBefore: run.progress ?? [],
        onRemoved: (removed) => {
          run.progress = removed
          run.context.heartbeat(removed)
        },
      })
    } finally {
      await source.close()
    }
  })
}
