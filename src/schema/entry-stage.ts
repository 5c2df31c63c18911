import type { TocEntry } from './archive-toc.ts'

/**
 * When an entry is restored: `definition` before the data, `index` once its table is copied, `constraint` when all tables agree.
 */
export type Stage = 'definition' | 'index' | 'constraint'

const ORDER: readonly Stage[] = ['definition', 'index', 'constraint']
const INDEX_KINDS: ReadonlySet<string> = new Set(['INDEX', 'INDEX ATTACH', 'CONSTRAINT', 'STATISTICS'])
/** Entries that only say something about another one. */
const SATELLITE_KINDS: ReadonlySet<string> = new Set(['COMMENT', 'ACL', 'SECURITY LABEL'])

/** Whether the entry says something about another one: it comes, and goes, with the one that it depends on. */
export function isSatellite({ kind }: Pick<TocEntry, 'kind'>): boolean {
  return SATELLITE_KINDS.has(kind)
}

/**
 * The stage of every entry, by dump id. Never before one that it depends on: the index of a materialized view that itself
 * waits for a primary key comes after that view.
 *
 * @param partitioned OIDs of partitioned indexes and of constraints on partitioned tables. They are `ON ONLY` the root, hold
 * nothing, and are needed by the indexes of every partition; made later, each would wait for running copies to let the root go.
 */
export function stagesOf(entries: readonly TocEntry[], partitioned: ReadonlySet<string>): Map<number, Stage> {
  const stages = new Map<number, Stage>()
  // Archive order: what an entry depends on stands before it.
  for (const entry of entries) {
    const needed = entry.dependencies.map((id) => ORDER.indexOf(stages.get(id) ?? 'definition'))
    const own = ORDER.indexOf(ownStage(entry, partitioned))
    stages.set(entry.dumpId, ORDER[Math.max(own, ...needed)] ?? 'definition')
  }
  return stages
}

function ownStage(entry: TocEntry, partitioned: ReadonlySet<string>): Stage {
  if (entry.section !== 'post-data') return 'definition'
  if (!INDEX_KINDS.has(entry.kind)) return 'constraint'
  return partitioned.has(entryKey(entry)) ? 'definition' : 'index'
}

/** The object of an entry, as catalogue and OID. */
export function entryKey({ catalog, oid }: Pick<TocEntry, 'catalog' | 'oid'>): string {
  return `${catalog}:${oid}`
}
