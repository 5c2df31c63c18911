import { findSources as find } from '../clean-up/find-sources.ts'
import type { CleanUpActivities } from '../workflows/clean-up-activities.ts'
import { NEXT_CLEAN_UP } from './clean-up-source.ts'
import { standaloneActivity } from './standalone-activity.ts'

/** The sources that a clean-up without `sources` looks at; see CleanUpActivities. */
export function findSources(): CleanUpActivities['findSources'] {
  return standaloneActivity(NEXT_CLEAN_UP, async ({ context, signal }, { remembered }: Parameters<CleanUpActivities['findSources']>[0]) => {
    const { namespace, taskQueue } = context.info
    return { sources: await find(context.client, namespace, taskQueue, remembered, signal) }
  })
}
