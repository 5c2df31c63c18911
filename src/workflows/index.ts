export { cleanUpSlots } from './clean-up-slots.ts'
export { migrateDatabase } from './migrate-database.ts'
export { validateMigration } from './validate-migration.ts'
export { precheckMigration, testConnection } from './later-workflows.ts'
