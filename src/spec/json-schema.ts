import { z } from 'zod'
import { specSchema } from './spec-schema.ts'

/** The file, beside package.json, that editors are pointed to. */
export const JSON_SCHEMA_FILE = 'migration-spec.schema.json'

/** The JSON Schema of a MigrationSpec as a user writes it, from the definition that the worker validates with. */
export function jsonSchema(): object {
  return { title: 'MigrationSpec of pgmove', ...z.toJSONSchema(specSchema, { io: 'input', target: 'draft-2020-12' }) }
}
