import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { literal } from '../postgres/quote.ts'
import type { RoleMapping } from '../roles/role-mapping.ts'
import { createWhole, PIECE, readContents, readDigests, readSizes, unlink } from './contents.ts'
import { LargeObjectAccess } from './large-object-access.ts'
import { forgetLargeObjects, readOthers, readTargetPage, recordLargeObjects } from './large-object-record.ts'
import type { TargetLargeObject } from './large-object-record.ts'
import { readSourcePage } from './source-page.ts'
import type { SourceLargeObject } from './source-page.ts'
import { samePieces, syncPieces } from './sync-pieces.ts'

export interface SyncOptions {
  readonly source: Database
  readonly target: Database
  /** The migration's id. */
  readonly id: string
  /** What to do with an object that was on the target before: one with other content is a failure, or is replaced. */
  readonly existing: 'refuse' | 'replace'
  /** How roles are called on the target, and whether grants come along. */
  readonly roles: RoleMapping
  /**
   * `copy`: what an earlier attempt has copied is passed over, whatever became of it on the source. `final`: everything is compared,
   * and owners and grants are planned for when the target is put in order.
   */
  readonly mode: 'copy' | 'final'
  /** The source's session stands in a transaction whose snapshot is to be read; else each page has a snapshot of its own. */
  readonly withinSnapshot: boolean
  readonly signal: AbortSignal
  /** Of what has been written since the last call. */
  readonly onProgress?: (objects: number, bytes: number) => void
  /** Asked at every piece, with its size; while the promise is pending the copy holds still. */
  readonly gate?: (bytes: number) => Promise<void> | undefined
  /** Some objects are final. */
  readonly onStep?: () => Promise<void> | void
}

export interface SyncedLargeObjects {
  /** On the source. */
  readonly objects: number
  /** Made, or made anew because their content had changed. */
  readonly written: number
  /** Gone from the source, and so from the target. */
  readonly removed: number
}

/** How much is written in one transaction, beside the number of objects of a page. */
const MOST_BYTES = BigInt(PIECE)

/**
 * Brings the target's large objects to what the source has, under the same OIDs: those that the target lacks are made, others compared and
 * written anew where they differ, those that the migration made and the source no longer has removed. Memory is bounded by pieces of
 * 1 MB. May be killed anywhere and run again.
 *
 * @throws MigrationError `RejectedByTarget` if something else stands under an object's OID, `InsufficientPrivilege`
 */
export async function syncLargeObjects(options: SyncOptions): Promise<SyncedLargeObjects> {
  const { source, target, id, mode, signal, withinSnapshot } = options
  const access = mode === 'final' ? await LargeObjectAccess.open(target, id, options.roles) : undefined
  const sum = { objects: 0, written: 0, removed: 0 }
  for (let after = '0'; ;) {
    signal.throwIfAborted()
    const syncNext = async (): Promise<string | undefined> => {
      const page = await readSourcePage(source, after)
      const last = page.at(-1)?.oid
      const oids = page.map(({ oid }) => oid)
      sum.removed += await removeOthers(options, { after, last, kept: oids })
      if (last === undefined) return undefined
      const { written, kept } = await syncPage(options, page, await readTargetPage(target, id, oids))
      sum.objects += page.length
      sum.written += written
      await access?.plan(page.filter(({ oid }) => !kept.has(oid)))
      return last
    }
    const next: string | undefined = withinSnapshot
      ? await syncNext()
      : await source.transaction(syncNext, 'begin isolation level repeatable read read only')
    if (next === undefined) return sum
    after = next
  }
}

/** What stands between the page's objects on the target, and the source no longer has. */
async function removeOthers({ target, id }: SyncOptions, range: Parameters<typeof readOthers>[2]): Promise<number> {
  let removed = 0
  for (;;) {
    const gone = await readOthers(target, id, range)
    if (gone.length === 0) return removed
    const made = gone.filter((object) => object.made).map(({ oid }) => oid)
    await target.transaction(async () => {
      await unlink(target, made)
      await forgetLargeObjects(
        target,
        id,
        gone.map(({ oid }) => oid),
      )
    })
    removed += made.length
  }
}

/** `kept`: objects that were on the target before, and keep their owner and grants. */
async function syncPage(
  options: SyncOptions,
  page: readonly SourceLargeObject[],
  there: ReadonlyMap<string, TargetLargeObject>,
): Promise<{ written: number; kept: Set<string> }> {
  const { mode, existing } = options
  const present = page.filter(({ oid }) => there.get(oid)?.present)
  const isMade = ({ oid }: SourceLargeObject): boolean => there.get(oid)?.made ?? false
  const isDone = ({ oid }: SourceLargeObject): boolean => mode === 'copy' && (there.get(oid)?.copied ?? false)
  const isForeign = ({ oid }: SourceLargeObject): boolean => !(there.get(oid)?.recorded ?? false)
  const replaced = new Set(existing === 'replace' ? present.filter(isForeign) : [])
  const compared = present.filter((object) => !isDone(object) && !replaced.has(object))
  const isSmall = ({ bytes }: SourceLargeObject): boolean => bytes <= MOST_BYTES
  const differing = await readDiffering(options, compared)
  const inTheWay: SourceLargeObject[] = []
  for (const object of compared.filter((object) => isForeign(object) && differing.has(object))) {
    if (await samePieces(options, object)) differing.delete(object)
    else inTheWay.push(object)
  }
  if (inTheWay[0]) throw taken(inTheWay[0].oid, inTheWay.length)

  // Own small ones are made anew, the rest changed in place. What was there before keeps owner and grants, so it is changed in place too.
  const anew = page.filter((object) => {
    const state = there.get(object.oid)
    return isSmall(object) && (!state?.present || replaced.has(object) || (differing.has(object) && isMade(object)))
  })
  for (const batch of batches(anew)) await makeWhole(options, batch)
  const written = new Set(anew)
  for (const object of page) {
    const isMissing = !there.get(object.oid)?.present || replaced.has(object)
    if (written.has(object) || !(isMissing || differing.has(object))) continue
    const changed = await syncPieces(options, object, { isMissing, made: isMissing || isMade(object) })
    await finish(options, [object], { made: isMissing || isMade(object), there })
    if (isMissing || changed) written.add(object)
    else differing.delete(object)
    await options.onStep?.()
  }
  const equal = compared.filter((object) => !written.has(object))
  const unrecorded = equal.filter(
    (object) => isForeign(object) || !there.get(object.oid)?.copied || there.get(object.oid)?.comment !== object.comment,
  )
  for (const own of [true, false]) {
    const some = unrecorded.filter((object) => isMade(object) === own)
    if (some.length > 0) await finish(options, some, { made: own, there })
  }
  const kept = present.filter((object) => !isMade(object) && !replaced.has(object)).map(({ oid }) => oid)
  return { written: written.size, kept: new Set(kept) }
}

/** Those whose content is another, and big ones that have to be compared piece by piece. */
async function readDiffering({ source, target }: SyncOptions, compared: readonly SourceLargeObject[]): Promise<Set<SourceLargeObject>> {
  const sizes = await readSizes(
    target,
    compared.map(({ oid }) => oid),
  )
  const sameSize = compared.filter(({ oid, bytes }) => sizes.get(oid) === bytes && bytes <= MOST_BYTES).map(({ oid }) => oid)
  const [here, there] = await Promise.all([readDigests(source, sameSize), readDigests(target, sameSize)])
  return new Set(compared.filter(({ oid }) => here.get(oid) === undefined || here.get(oid) !== there.get(oid)))
}

async function makeWhole(options: SyncOptions, batch: readonly SourceLargeObject[]): Promise<void> {
  const { source, target, id } = options
  const oids = batch.map(({ oid }) => oid)
  const bytes = Number(batch.reduce((sum, object) => sum + object.bytes, 0n))
  await options.gate?.(bytes)
  options.signal.throwIfAborted()
  const contents = await readContents(source, oids)
  await target.transaction(async () => {
    await unlink(target, oids)
    await createWhole(target, oids, contents)
    await comment(target, batch)
    await recordLargeObjects(target, id, oids, { made: true, copied: true })
  })
  options.onProgress?.(batch.length, bytes)
  await options.onStep?.()
}

/** Marks objects as whole, with their comments. */
async function finish(
  { target, id }: SyncOptions,
  objects: readonly SourceLargeObject[],
  { made, there }: { made: boolean; there: ReadonlyMap<string, TargetLargeObject> },
): Promise<void> {
  await target.transaction(async () => {
    if (made) await comment(target, objects, there)
    await recordLargeObjects(
      target,
      id,
      objects.map(({ oid }) => oid),
      { made, copied: true },
    )
  })
}

async function comment(
  target: Database,
  objects: readonly SourceLargeObject[],
  there: ReadonlyMap<string, TargetLargeObject> = new Map(),
): Promise<void> {
  const statements = objects
    .filter(({ oid, comment: text }) => text !== (there.get(oid)?.comment ?? null))
    .map(({ oid, comment: text }) => `comment on large object ${oid} is ${text === null ? 'null' : literal(text)}`)
  if (statements.length > 0) await target.query(statements.join(';\n'))
}

function batches(objects: readonly SourceLargeObject[]): SourceLargeObject[][] {
  const result: SourceLargeObject[][] = []
  let bytes = 0n
  for (const object of objects) {
    const open = result.at(-1)
    if (!open || bytes + object.bytes > MOST_BYTES) {
      result.push([object])
      bytes = object.bytes
    } else {
      open.push(object)
      bytes += object.bytes
    }
  }
  return result
}

function taken(oid: string, count: number): MigrationError {
  const more = count > 1 ? ` and ${count - 1} more` : ''
  return new MigrationError(
    'RejectedByTarget',
    `On the target: large object ${oid}${more} exists with other content, and was not made by this migration. Nothing of it was changed. The copy of large objects waits.`,
    { side: 'target', hint: `Remove it (select lo_unlink(${oid})) or give it another OID, then send the signal resume.` },
  )
}
