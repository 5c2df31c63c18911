import { uuid4 } from '@temporalio/workflow'
import type { CutoverLedger } from '../cutover-ledger.ts'
import type { Migration } from '../migration.ts'
import { besideStream } from './beside-stream.ts'

/**
 * Puts triggers, rules, identities and foreign keys of the target back, while the stream of the cutover shows that nobody writes; then
 * tells it where to end. Until it has come there the cutover can be given up: `undoRestore` undoes it.
 */
export async function restoreAndProve(migration: Migration, ledger: CutoverLedger, cutover: string): Promise<void> {
  migration.state.restoring = true
  await ledger.step('restoreTarget', () =>
    migration.run('restoreTarget', 'Switch triggers, rules, identities and foreign keys on', { part: 'objects' }, 'data'),
  )
  await ledger.step('takeMarker', () => migration.run('takeMarker', 'Take the LSN of the proof on the source', { cutover, proof: true }))
}

/**
 * The same for a cutover without a fence, drained to `marker`: a commit behind it that touches a selected table is `FenceLeaked`. Resolves to
 * how far the stream has come.
 */
export async function proveSinceMarker(migration: Migration, ledger: CutoverLedger, marker: string): Promise<string> {
  const cutover = uuid4()
  const proven = await besideStream(migration, cutover, async () => {
    await migration.run('takeMarker', `Tell the stream that nothing may stand behind ${marker}`, { cutover, lsn: marker })
    await restoreAndProve(migration, ledger, cutover)
    return true
  })
  return proven?.position ?? marker
}
