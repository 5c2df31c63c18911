export { migrateDatabase } from './migrate-database.ts'
export { validateMigration } from './validate-migration.ts'
export { cleanUpSlots, precheckMigration, testConnection } from './later-workflows.ts'
