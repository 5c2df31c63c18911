import { NameMap } from '../src/mapping/name-map.ts'
import type { Database } from '../src/postgres/connect.ts'
import { compareMetadata } from '../src/validate/metadata/compare-metadata.ts'
import type { MetadataComparison, MetadataComparisonArgs } from '../src/validate/metadata/compare-metadata.ts'
import type { MetadataDifference } from '../src/validate/metadata/metadata-difference.ts'

export interface ComparedMetadata extends MetadataComparison {
  readonly list: MetadataDifference[]
}

/** Compares two databases; everything under its own name unless told. */
export async function comparedMetadata(
  source: Database,
  target: Database,
  args: Partial<MetadataComparisonArgs> = {},
): Promise<ComparedMetadata> {
  const list: MetadataDifference[] = []
  const comparison = await compareMetadata({
    source,
    target,
    spec: { objects: null, exclude: [], roles: { map: {}, grants: 'keep' } },
    map: new NameMap(),
    rewrite: (definition) => definition,
    signal: new AbortController().signal,
    onDifferences: (found) => void list.push(...found),
    ...args,
  })
  return { ...comparison, list }
}
