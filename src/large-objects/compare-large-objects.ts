import type { Database } from '../postgres/connect.ts'
import { readSizes } from './contents.ts'
import { readTargetPage } from './large-object-record.ts'
import { readSourcePage } from './source-page.ts'

/**
 * Whether every large object of the source stands on the target with its size. Contents are compared when they are brought up to date.
 * Tells those that don't, cut at 10.
 */
export async function compareLargeObjects({
  source,
  target,
  id,
  signal,
}: {
  source: Database
  target: Database
  id: string
  signal: AbortSignal
}): Promise<{ objects: number; differing: string[] }> {
  const differing: string[] = []
  let objects = 0
  for (let after = '0'; ;) {
    signal.throwIfAborted()
    const page = await readSourcePage(source, after)
    const last = page.at(-1)
    if (!last) return { objects, differing: differing.slice(0, 10) }
    after = last.oid
    objects += page.length
    const there = await readTargetPage(
      target,
      id,
      page.map(({ oid }) => oid),
    )
    const present = page.map(({ oid }) => oid).filter((oid) => there.get(oid)?.present)
    const sizes = await readSizes(target, present)
    for (const { oid, bytes } of page) if (sizes.get(oid) !== bytes && differing.length < 10) differing.push(`large object ${oid}`)
  }
}
