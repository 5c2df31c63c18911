// Writes the JSON Schema of a MigrationSpec into the project's root; `prettier --write` brings it into its form.
import { writeFile } from 'node:fs/promises'
import { JSON_SCHEMA_FILE, jsonSchema } from './json-schema.ts'

await writeFile(new URL(`../../${JSON_SCHEMA_FILE}`, import.meta.url), JSON.stringify(jsonSchema(), null, 2))
