import type { ArchiveToc } from './archive-toc.ts'
import { dumpGently } from './dump-gently.ts'
import type { DumpOptions } from './run-pg-dump.ts'

/**
 * Dumps both sides at once, each by a pg_dump of its own; the target's once `ready` has resolved. If one fails the other is ended, and
 * nothing runs on when this is over.
 */
export async function dumpBoth(
  source: DumpOptions,
  target: DumpOptions,
  ready: () => Promise<void>,
): Promise<{ readonly source: ArchiveToc; readonly target: ArchiveToc }> {
  const failure = new AbortController()
  const dump = async (options: DumpOptions, before?: () => Promise<void>): Promise<ArchiveToc> => {
    try {
      await before?.()
      return await dumpGently({ ...options, signal: AbortSignal.any([options.signal, failure.signal]) })
    } catch (error) {
      failure.abort(error)
      throw error
    }
  }
  const [ofSource, ofTarget] = await Promise.allSettled([dump(source), dump(target, ready)])
  // The one that was ended fails with the other's error.
  if (ofSource.status === 'rejected') throw ofSource.reason
  if (ofTarget.status === 'rejected') throw ofTarget.reason
  return { source: ofSource.value, target: ofTarget.value }
}
