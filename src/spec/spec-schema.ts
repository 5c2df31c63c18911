import { z } from 'zod'
import { parseConnectionUrl } from '../postgres/connection-url.ts'
import { DURATION_FORM, parseDuration } from './duration.ts'
import { utf8Length } from './invalid-spec-message.ts'
import { literalPart } from './name-pattern.ts'

// The workflow sandbox has no eval, and zod only probes for it to be faster.
z.config({ jitless: true })

const NAME_BYTES = 63
const NAME_FORM = `a name of 1 to ${NAME_BYTES} bytes`
/** Half of a surrogate pair is no character: it would reach the server as another name. */
const isName = (name: string): boolean => name !== '' && utf8Length(name) <= NAME_BYTES && !name.includes('\0') && !/\p{Cs}/u.test(name)

/** A plain name as it stands in the catalogue, unquoted. */
const plainName = z.string({ error: NAME_FORM }).refine(isName, { error: NAME_FORM }).meta({ minLength: 1, maxLength: NAME_BYTES })
/** A name in which `*` stands for any characters and `\*` for a star. */
const namePattern = z
  .string({ error: NAME_FORM })
  .refine((pattern) => pattern !== '' && (literalPart(pattern) === '' || isName(literalPart(pattern))), { error: NAME_FORM })
  .meta({ minLength: 1, description: 'A name; * stands for any characters, \\* for a star' })

/** A duration from `minimum` to `maximum`, both included. */
export function duration(minimum: string, maximum: string) {
  const expected = `${DURATION_FORM}, from ${minimum} to ${maximum}`
  const [least, most] = [parseDuration(minimum) ?? 0, parseDuration(maximum) ?? 0]
  return z.string({ error: expected }).refine((text) => between(parseDuration(text), least, most), { error: expected })
}
const between = (value: number | undefined, least: number, most: number): boolean => value !== undefined && value >= least && value <= most

function choice<const T extends readonly [string, ...string[]]>(...values: T) {
  return z.enum(values, { error: oneOf(values) })
}
const oneOf = (values: readonly string[]): string => values.map((value) => `"${value}"`).join(' or ')

const wholeNumber = (least: number, most: number) => {
  const error = `a whole number from ${least} to ${most}`
  return z.number({ error }).int({ error }).min(least, { error }).max(most, { error })
}
const flag = z.boolean({ error: 'true or false' })
const rate = z.number({ error: 'a number above 0, or null' }).positive({ error: 'a number above 0, or null' }).nullable().default(null)

// A name that looks like a value (a URL pasted by mistake) must not become part of a message, so only its form is told.
const VARIABLE_FORM = 'the name of an environment variable of the worker'
const variable = z
  .string({ error: VARIABLE_FORM })
  .regex(/^[A-Za-z_]\w{0,254}$/, { error: VARIABLE_FORM })
  .meta({ description: 'The name of an environment variable of the worker' })
const FILE_FORM = 'the path of a file on the worker'
const file = z
  .string({ error: FILE_FORM })
  .refine((path) => path !== '' && !path.includes('\0') && !/^\w+:\/\//.test(path), { error: FILE_FORM })
  .meta({ description: 'The path of a file on the worker, read anew for each connection' })

const REFERENCE_FORM = '{"env": NAME} or {"file": PATH}'
const fromEnv = z.strictObject({ env: variable }, { error: REFERENCE_FORM })
const fromFile = z.strictObject({ file }, { error: REFERENCE_FORM })
const secretReference = z
  .union([fromEnv, fromFile], { error: `${REFERENCE_FORM}: a reference, never the secret itself` })
  .meta({ description: 'Where the worker finds the password' })

const URL_FORM = 'a URL such as "postgres://user@host:5432/database"'
const connectionUrl = z.string({ error: URL_FORM }).superRefine((url, context) => {
  const parsed = parseConnectionUrl(url)
  for (const { found, expected } of parsed.problems) context.addIssue({ code: 'custom', message: expected, params: { found } })
  for (const found of parsed.secrets) {
    context.addIssue({
      code: 'custom',
      message: `the password in "password", as ${REFERENCE_FORM}`,
      params: { found: `${found} inside the URL` },
    })
  }
})

/** A ConnectionSpec. */
export const connectionSchema = z.union(
  [
    z.strictObject(
      { url: connectionUrl.meta({ description: 'A libpq connection URL without a password' }), password: secretReference.optional() },
      { error: '{"url", "password"}' },
    ),
    fromEnv,
    fromFile,
  ],
  { error: '{"url", "password"}, {"env": NAME} or {"file": PATH}' },
)

const column = z.union(
  [
    plainName,
    z.strictObject({
      name: plainName.meta({ description: 'Its name on the source' }),
      as: plainName.optional().meta({ description: 'Its name on the target' }),
    }),
  ],
  {
    error: `${NAME_FORM}, or {"name", "as"}`,
  },
)
export const objectEntry = z.strictObject(
  {
    schema: plainName.meta({ description: 'A schema of the source, as it stands in the catalogue; without "table" all of it' }),
    table: namePattern.optional(),
    as: plainName.optional().meta({
      description: 'The name on the target: of the schema, or with "table" of that table, which then is no pattern. Default: the same name',
    }),
    columns: z
      .array(column, { error: 'a list of columns' })
      .min(1, { error: 'a list of columns, not empty' })
      .optional()
      .meta({ description: 'Only with "table": the columns that are migrated, in the order of the source. Default: all of them' }),
  },
  { error: '{"schema"} or {"schema", "table"}' },
)
const excludeEntry = z.strictObject({ schema: namePattern, table: namePattern.optional() }, { error: '{"schema"} or {"schema", "table"}' })
const warningName = z.string({ error: 'the name of a precheck item' }).min(1, { error: 'the name of a precheck item' })

const SCHEMA_FORM = 'the path or URL of the JSON Schema, for editors'
const EXISTING = 'What happens to rows that selected tables on the target hold: "refuse" fails the precheck, "replace" removes them'
const TABLE_JOBS = 'How many copies of tables run at once, from 1 to 64'
const INDEX_JOBS = 'How many builds of indexes run at once, from 1 to 64'
const TYPES_FORM = 'a list of "schema", "full", "incremental", each at most once, not empty'

/** The one definition of a MigrationSpec: what the worker validates with, its types, and the JSON Schema. */
export const specSchema = z.strictObject(
  {
    $schema: z
      .string({ error: SCHEMA_FORM })
      .max(2000, { error: SCHEMA_FORM })
      .optional()
      .meta({ description: 'Where an editor finds this JSON Schema; pgmove ignores it' }),
    name: z
      .string({ error: 'a text of at most 200 characters' })
      .max(200, { error: 'a text of at most 200 characters' })
      .optional()
      .meta({ description: 'What the migration is called, in status and report' }),
    source: connectionSchema.meta({ description: 'The database that is moved: its URL, or where the worker finds the URL' }),
    target: connectionSchema.meta({ description: 'The database that it is moved to: its URL, or where the worker finds the URL' }),
    types: z
      .array(z.enum(['schema', 'full', 'incremental'], { error: '"schema", "full" or "incremental"' }), { error: TYPES_FORM })
      .min(1, { error: TYPES_FORM })
      .refine((types) => new Set(types).size === types.length, { error: TYPES_FORM, when: ({ value }) => Array.isArray(value) })
      .default(['schema', 'full', 'incremental'])
      .meta({ description: 'What is migrated: definitions, rows, and the changes until the cutover' }),
    objects: z
      .array(objectEntry, { error: 'a list of {"schema"} or {"schema", "table"}' })
      .min(1, { error: 'a list of {"schema"} or {"schema", "table"}, not empty; leave it out for every user schema' })
      .optional()
      .meta({ description: 'The schemas and tables that are migrated. Default: every user schema, also those made during the migration' }),
    exclude: z
      .array(excludeEntry, { error: 'a list of {"schema"} or {"schema", "table"}' })
      .default([])
      .meta({ description: 'Schemas and tables that are left out of "objects"' }),
    existing: choice('refuse', 'replace').default('refuse').meta({ description: EXISTING }),
    roles: z
      .strictObject(
        {
          map: z.record(plainName, plainName, { error: 'an object of role names' }).default({}).meta({
            description:
              'Roles of the source with the role that takes their place on the target: as owner, in grants, default privileges, policies, user mappings and settings',
          }),
          grants: choice('keep', 'drop')
            .default('keep')
            .meta({ description: '"drop" leaves out every GRANT and REVOKE, and default privileges' }),
        },
        { error: '{"map", "grants"}' },
      )
      .prefault({})
      .meta({ description: 'Owners and grants on the target' }),
    reconnectWindow: duration('1s', '365d')
      .default('12h')
      .meta({ description: 'How long a server that can not be reached is waited for, from 1s to 365d' }),
    transferRate: z
      .strictObject(
        {
          megabytesPerSecond: rate.meta({ description: 'Megabytes per second; null: no limit' }),
          rowsPerSecond: rate.meta({ description: 'Rows per second; null: no limit' }),
        },
        { error: '{"megabytesPerSecond", "rowsPerSecond"} or null' },
      )
      .nullable()
      .default(null)
      .meta({ description: 'What the copy may move, over all workers together; a megabyte is 1,000,000 bytes' }),
    copy: z
      .strictObject(
        {
          tableJobs: wholeNumber(1, 64).default(4).meta({ description: TABLE_JOBS }),
          indexJobs: wholeNumber(1, 64).default(2).meta({ description: INDEX_JOBS }),
        },
        { error: '{"tableJobs", "indexJobs"}' },
      )
      .prefault({})
      .meta({ description: 'How much of the copy runs side by side' }),
    ddl: choice('capture', 'pause').default('capture').meta({
      description:
        '"capture" follows DDL of the source by event triggers, where the role may create them; "pause" captures nothing and waits at changes that it sees',
    }),
    lag: z
      .strictObject(
        {
          heartbeat: duration('100ms', '1h')
            .default('1s')
            .meta({ description: 'How often the heartbeat on the source is written, from 100ms to 1h' }),
          undelayed: duration('100ms', '24h')
            .default('10s')
            .meta({ description: 'The lag up to which replication counts as undelayed, so that a cutover can begin, from 100ms to 24h' }),
        },
        { error: '{"heartbeat", "undelayed"}' },
      )
      .prefault({})
      .meta({ description: 'How the lag is measured' }),
    precheck: z
      .strictObject(
        {
          wait: flag.default(true).meta({
            description: 'True: a precheck that found something waits for "rerunPrecheck"; false: the migration ends as PrecheckFailed',
          }),
        },
        { error: '{"wait"}' },
      )
      .prefault({})
      .meta({ description: 'What happens when the precheck found something' }),
    ignoreWarnings: z
      .union([flag, z.array(warningName, { error: 'a list of names' })], { error: 'true, false or a list of precheck item names' })
      .default(false)
      .meta({
        description:
          'True goes on over every warning of the precheck; a list over the warnings of those items. A failed item is never ignored',
      }),
    cutover: z
      .strictObject(
        {
          fence: choice('none', 'readOnly').default('none').meta({
            description: '"readOnly" makes the database of the source read-only and ends its sessions; with "none" you stop the writes',
          }),
          validate: choice('none', 'counts', 'checksum')
            .default('counts')
            .meta({ description: 'What is compared before the target is handed over: nothing, the number of rows, or every row' }),
        },
        { error: '{"fence", "validate"}' },
      )
      .prefault({})
      .meta({ description: 'How the cutover is made' }),
  },
  { error: 'an object with at least "source" and "target"' },
)
