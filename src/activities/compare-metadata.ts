import { establishNameMap, readSourceNameMap } from '../mapping/read-name-map.ts'
import { readLeftOutColumns } from '../mapping/left-out-columns.ts'
import { rewriteDefinition } from '../mapping/rewrite-definition.ts'
import { readRenamingParts } from '../schema/read-renaming-parts.ts'
import type { Database } from '../postgres/connect.ts'
import { clearMetadataDifferences, recordMetadataDifferences } from '../state/metadata-difference-record.ts'
import { note } from '../state/migration-record.ts'
import { compareMetadata as compare } from '../validate/metadata/compare-metadata.ts'
import { streamingMigrations } from '../validate/data/stream-position.ts'
import type { MetadataDifference, NotCompared } from '../validate/metadata/metadata-difference.ts'
import { differencesUntilCutover } from '../validate/metadata/until-cutover.ts'
import type { MetadataResult } from '../workflows/metadata-result.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import { cutList } from '../workflows/status.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

type Input = Parameters<MigrationActivities['compareMetadata']>[0]

const SHOWN = 50
const TEXT = 300
const UNTIL_CUTOVER = 'a migration that streams keeps it so until its cutover'

/** Compares the catalogues of both sides; see MigrationActivities. */
export function compareMetadata(services: ActivityServices): MigrationActivities['compareMetadata'] {
  return migrationActivity(services, async (run, { own }: Input): Promise<MetadataResult> => {
    const source = await run.connect('source', 'metadata')
    const target = await run.connect('target', 'metadata')
    const { id, spec, signal } = run
    const map = own ? await establishNameMap(source, target, id, spec) : await readSourceNameMap(source, spec)
    const leftOutColumns = await readLeftOutColumns(source, map)
    if (own) await clearMetadataDifferences(target, id)
    const isExpected = own ? () => false : await differencesUntilCutover(source, target, await streamingMigrations(source, target))
    const expected: NotCompared[] = []
    const shown: MetadataDifference[] = []
    const comparison = await compare({
      source,
      target,
      spec,
      map,
      rewrite: (definition) => rewriteDefinition(definition, map, { leftOut: leftOutColumns }).definition,
      byRenaming: await readRenamingParts(source, target, map),
      signal,
      ...(own ? { leftOut: await leftOut(target, id), ignoreExtra: true } : {}),
      populated: !own || spec.types.includes('full'),
      onProgress: (kind) => (run.progress = { kind }),
      onDifferences: async (found) => {
        const differences = found.filter((one) => !isExpected(one))
        expected.push(...found.filter(isExpected).map(({ kind, object }) => ({ kind, object, reason: UNTIL_CUTOVER })))
        shown.push(...differences.slice(0, SHOWN - shown.length))
        if (own) await recordMetadataDifferences(target, id, differences)
      },
    })
    const { compared } = comparison
    const total = comparison.differences - expected.length
    const notCompared = [...comparison.notCompared, ...expected]
    if (own && total > 0) {
      const text = `${total} ${total === 1 ? 'difference' : 'differences'} between the catalogues of source and target; all of them are in pgmove.metadata_difference on the target.`
      await note(target, id, 'warning', 'metadata', text)
    }
    await run.failpoint(FAILPOINTS.metadataCompared)
    return {
      status: total > 0 ? 'Failed' : notCompared.length > 0 ? 'Warning' : 'Passed',
      compared,
      differences: shown.map((difference) => ({ ...difference, source: cut(difference.source), target: cut(difference.target) })),
      total,
      notCompared: cutList(notCompared),
    }
  })
}

/** What the migration left out or changed on purpose, as its notes name it. */
async function leftOut(target: Database, id: string): Promise<ReadonlySet<string>> {
  const rows = await target.query<{ object: string }>(`select object from pgmove.note where id = $1 and kind = 'skipped'`, [id])
  return new Set(rows.map(({ object }) => object))
}

function cut(text: string | null): string | null {
  return text !== null && text.length > TEXT ? `${text.slice(0, TEXT)}…` : text
}
