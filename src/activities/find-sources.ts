import { findSources as find } from '../clean-up/find-sources.ts'
import type { CleanUpActivities } from '../workflows/clean-up-activities.ts'
import { standaloneActivity } from './standalone-activity.ts'

const HINT = 'The next clean-up tries again.'

/** The sources that a clean-up without `sources` looks at; see CleanUpActivities. */
export function findSources(): CleanUpActivities['findSources'] {
  return standaloneActivity(HINT, async ({ context, signal }, { remembered }: Parameters<CleanUpActivities['findSources']>[0]) => {
    const { namespace, taskQueue } = context.info
    return { sources: await find(context.client, namespace, taskQueue, remembered, signal) }
  })
}
