import type { Check } from './check.ts'
import { collations } from './check-collations.ts'
import { hashPartitions, referenceTypes, removedTypes } from './check-column-types.ts'
import { connections } from './check-connections.ts'
import { databaseLocale } from './check-database-locale.ts'
import { extensionRows } from './check-extension-rows.ts'
import { extensions } from './check-extensions.ts'
import { fence } from './check-fence.ts'
import { largeObjects } from './check-large-objects.ts'
import { lockTable } from './check-lock-table.ts'
import { newerFeatures } from './check-newer-features.ts'
import { mappedColumns, mappedNames, mappedNamesInFunctions } from './check-mapping.ts'
import { longTransactions, preparedTransactions } from './check-open-transactions.ts'
import { partitionedExclusion } from './check-partitioned-exclusion.ts'
import { pgmoveSchema } from './check-pgmove-schema.ts'
import { replicaIdentity } from './check-replica-identity.ts'
import { replicationSlots, slotLimits, walLevel, walSenders } from './check-replication-settings.ts'
import { cFunctions, languages, tablespaces } from './check-server-software.ts'
import { encoding, sameDatabase, standby } from './check-servers.ts'
import { removedFeatures } from './check-removed-features.ts'
import { pooler, temporaryFiles, workers } from './check-server-resources.ts'
import { targetReadOnly, timeouts } from './check-session-settings.ts'
import { alwaysTriggers, deferrableKeys, eventTriggers, foreignTables, tablesWithOids, unloggedTables } from './check-source-contents.ts'
import { replicationRole, rowSecurity, sourceCreate, sourceOwnership, sourceRights, truncateTrigger } from './check-source-rights.ts'
import { missingRoles, policyRoles, roleMap } from './check-roles.ts'
import { blocksDdl, ddlCapture, noFullCopy, selection } from './check-spec.ts'
import { sequencesNearEnd } from './check-sequences.ts'
import { superuserObjects } from './check-superuser-objects.ts'
import { targetDefinitions } from './check-target-definitions.ts'
import { targetEmpty } from './check-target-empty.ts'
import { targetCreate, targetForeignKeys, targetRights } from './check-target-rights.ts'
import { targetDifferences, targetTables } from './check-target-tables.ts'
import { pgDump, versions } from './check-versions.ts'
import { storage } from './check-volume.ts'

/** Every check, in the order of the items. */
export const CHECKS: readonly Check[] = [
  versions,
  pgDump,
  sameDatabase,
  standby,
  pooler,
  encoding,
  databaseLocale,
  selection,
  mappedNames,
  mappedColumns,
  mappedNamesInFunctions,
  walLevel,
  replicationSlots,
  walSenders,
  slotLimits,
  workers,
  connections,
  timeouts,
  replicationRole,
  sourceRights,
  sourceOwnership,
  sourceCreate,
  rowSecurity,
  truncateTrigger,
  replicaIdentity,
  pgmoveSchema,
  targetReadOnly,
  targetCreate,
  targetRights,
  targetForeignKeys,
  roleMap,
  policyRoles,
  missingRoles,
  targetEmpty,
  targetDefinitions,
  targetTables,
  targetDifferences,
  noFullCopy,
  ddlCapture,
  blocksDdl,
  unloggedTables,
  largeObjects,
  tablesWithOids,
  removedTypes,
  referenceTypes,
  hashPartitions,
  extensions,
  extensionRows,
  newerFeatures,
  removedFeatures,
  partitionedExclusion,
  collations,
  languages,
  cFunctions,
  superuserObjects,
  tablespaces,
  lockTable,
  sequencesNearEnd,
  longTransactions,
  preparedTransactions,
  fence,
  deferrableKeys,
  alwaysTriggers,
  eventTriggers,
  foreignTables,
  temporaryFiles,
  // Last, since it watches the source's WAL from the beginning of the precheck on.
  storage,
]
