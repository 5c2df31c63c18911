import type { Database } from '../postgres/connect.ts'
import { PIECE, readPiece, readPieceDigests, readSizes, setSize, unlink, writePiece } from './contents.ts'
import { recordLargeObjects } from './large-object-record.ts'
import type { SourceLargeObject } from './source-page.ts'

export interface PiecesOptions {
  readonly source: Database
  readonly target: Database
  readonly id: string
  readonly signal: AbortSignal
  readonly onProgress?: (objects: number, bytes: number) => void
  readonly gate?: (bytes: number) => Promise<void> | undefined
}

/** Pieces compared by one statement on each side. */
const AT_ONCE = 64n

/**
 * Brings one object to the source's size and content, writing only pieces that differ, each in a transaction of its own: what a killed
 * attempt has written is not written again. Holes of zeros stay holes. Tells whether there was anything to change.
 */
export async function syncPieces(
  options: PiecesOptions,
  { oid, bytes }: SourceLargeObject,
  { isMissing, made }: { isMissing: boolean; made: boolean },
): Promise<boolean> {
  const { source, target, id, signal, onProgress, gate } = options
  let changed = false
  await target.transaction(async () => {
    if (isMissing) {
      await unlink(target, [oid])
      await target.query('select lo_create($1::oid)', [oid])
    }
    // Not whole until its last piece is in.
    await recordLargeObjects(target, id, [oid], { made, copied: false })
    changed = (await readSizes(target, [oid])).get(oid) !== bytes
    if (changed) await setSize(target, oid, bytes)
  })
  for (const [first, last] of stretches(bytes)) {
    signal.throwIfAborted()
    const [here, there] = await Promise.all([readPieceDigests(source, oid, first, last), readPieceDigests(target, oid, first, last)])
    for (const [at, digest] of here.entries()) {
      if (digest === there[at]) continue
      changed = true
      await gate?.(PIECE)
      signal.throwIfAborted()
      const piece = first + BigInt(at)
      const content = await readPiece(source, oid, piece)
      await writePiece(target, oid, piece, content)
      onProgress?.(0, content.length / 2)
    }
  }
  onProgress?.(1, 0)
  return changed
}

/** Whether an object has the same size and content on the target. */
export async function samePieces({ source, target, signal }: PiecesOptions, { oid, bytes }: SourceLargeObject): Promise<boolean> {
  if ((await readSizes(target, [oid])).get(oid) !== bytes) return false
  for (const [first, last] of stretches(bytes)) {
    signal.throwIfAborted()
    const [here, there] = await Promise.all([readPieceDigests(source, oid, first, last), readPieceDigests(target, oid, first, last)])
    if (here.some((digest, at) => digest !== there[at])) return false
  }
  return true
}

/** First and last piece of each statement's. */
function stretches(bytes: bigint): [bigint, bigint][] {
  const pieces = (bytes + BigInt(PIECE) - 1n) / BigInt(PIECE)
  const result: [bigint, bigint][] = []
  for (let first = 0n; first < pieces; first += AT_ONCE) {
    result.push([first, first + AT_ONCE < pieces ? first + AT_ONCE - 1n : pieces - 1n])
  }
  return result
}
