import { z } from 'zod'
import { objectEntry, specSchema } from './spec-schema.ts'

const WHAT_FORM = 'a list of "metadata", "data", each at most once, not empty'
const TABLES_FORM = 'a list of {"schema"} or {"schema", "table"}, not empty'
const SAMPLE_FORM = 'a number from 0 to 1'

/** The key `validation`, which `validateMigration` alone accepts. Its defaults are the contract's: everything, by checksum. */
export const validationSchema = z.strictObject(
  {
    what: z
      .array(z.enum(['metadata', 'data'], { error: '"metadata" or "data"' }), { error: WHAT_FORM })
      .min(1, { error: WHAT_FORM })
      .refine((what) => new Set(what).size === what.length, { error: WHAT_FORM, when: ({ value }) => Array.isArray(value) })
      .default(['metadata', 'data']),
    method: z.enum(['count', 'checksum', 'full'], { error: '"count", "checksum" or "full"' }).default('checksum'),
    sample: z.number({ error: SAMPLE_FORM }).min(0, { error: SAMPLE_FORM }).max(1, { error: SAMPLE_FORM }).default(1),
    tables: z.array(objectEntry, { error: TABLES_FORM }).min(1, { error: TABLES_FORM }).optional(),
    transferRate: specSchema.shape.transferRate,
  },
  { error: '{"what", "method", "sample", "tables", "transferRate"}' },
)
