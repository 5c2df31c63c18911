export { migrateDatabase } from './migrate-database.ts'
export { cleanUpSlots, precheckMigration, testConnection, validateMigration } from './later-workflows.ts'
