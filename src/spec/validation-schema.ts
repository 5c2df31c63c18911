import { z } from 'zod'

const WHAT_FORM = 'a list of "metadata", "data", each at most once, not empty'

/** The key `validation`, which `validateMigration` alone accepts. Its defaults are the contract's: everything, by checksum. */
export const validationSchema = z.strictObject(
  {
    what: z
      .array(z.enum(['metadata', 'data'], { error: '"metadata" or "data"' }), { error: WHAT_FORM })
      .min(1, { error: WHAT_FORM })
      .refine((what) => new Set(what).size === what.length, { error: WHAT_FORM, when: ({ value }) => Array.isArray(value) })
      .default(['metadata', 'data']),
    method: z.enum(['count', 'checksum', 'full'], { error: '"count", "checksum" or "full"' }).default('checksum'),
    sample: z
      .number({ error: 'a number from 0 to 1' })
      .min(0, { error: 'a number from 0 to 1' })
      .max(1, { error: 'a number from 0 to 1' })
      .optional(),
    tables: z.array(z.unknown(), { error: 'a list of objects as in "objects"' }).optional(),
    transferRate: z.unknown().optional(),
  },
  { error: '{"what", "method", "sample", "tables", "transferRate"}' },
)
