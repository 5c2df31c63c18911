import type { NameMap } from '../mapping/name-map.ts'
import type { Database } from '../postgres/connect.ts'
import { definitionByRenaming } from './definition-by-renaming.ts'
import type { DefinitionByRenaming } from './definition-by-renaming.ts'
import { readRenamingFacts } from './renaming-facts.ts'

/** How PostgreSQL itself would bring a statement under the target's names, as the target is now; undefined where that way is closed. */
export async function readRenamingParts(
  source: Database,
  target: Database,
  names: NameMap,
): Promise<(definition: string) => DefinitionByRenaming['parts'] | undefined> {
  if (!names.changes) return () => undefined
  const facts = { ...(await readRenamingFacts(source, target, [], new Map(), names)), names }
  // Whatever it defines: as a rule does, it may mention every relation.
  return (definition) => definitionByRenaming({ kind: 'RULE', schema: null, tag: '', definition }, facts)?.parts
}
