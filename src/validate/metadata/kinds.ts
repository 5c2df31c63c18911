import type { CatalogueKind } from './catalogue-kind.ts'
import { OTHER_KINDS, SCHEMA_KIND } from './kinds/other-objects.ts'
import { RELATION_KINDS } from './kinds/relations.ts'
import { ROUTINE_KINDS } from './kinds/routines.ts'
import { TABLE_PART_KINDS } from './kinds/table-parts.ts'
import { TYPE_KINDS } from './kinds/types.ts'

/**
 * Every kind that is compared; what parts belong to comes before them. Event triggers, publications and subscriptions belong to a
 * database rather than to its schemas and are not compared.
 */
export const CATALOGUE_KINDS: readonly CatalogueKind[] = [
  SCHEMA_KIND,
  ...RELATION_KINDS,
  ...TYPE_KINDS,
  ...TABLE_PART_KINDS,
  ...ROUTINE_KINDS,
  ...OTHER_KINDS,
]
