import { jsonSchema } from './json-schema.ts'

/** The file, in the project's root, that describes every field of a MigrationSpec. */
export const SPEC_REFERENCE_FILE = 'docs/reference/spec.md'

/** The part of JSON Schema that the reference reads. */
export interface SchemaNode {
  readonly description?: string
  readonly default?: unknown
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly items?: SchemaNode
  readonly anyOf?: readonly SchemaNode[]
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | SchemaNode
}

/** One field: where it stands (`cutover.fence`, `objects[].as`), and what the schema says of it. */
export interface SpecField {
  readonly path: string
  readonly node: SchemaNode
  readonly required: boolean
  /** Required in one of the forms that its parent may have, and not in the others. */
  readonly ofOneForm?: boolean
}

const EXAMPLES: Readonly<Record<string, unknown>> = {
  $schema: './migration-spec.schema.json',
  name: 'shop to the new cluster',
  source: { env: 'SHOP_SOURCE_URL' },
  target: { url: 'postgres://migrator@db2:5432/shop?sslmode=verify-full', password: { file: '/run/secrets/shop-target' } },
  types: ['schema', 'full'],
  objects: [
    { schema: 'app', as: 'sales' },
    { schema: 'crm', table: 'customers', columns: ['id', { name: 'email', as: 'mail' }] },
  ],
  exclude: [{ schema: 'public', table: 'audit_*' }],
  existing: 'replace',
  roles: { map: { old_owner: 'new_owner' }, grants: 'keep' },
  reconnectWindow: '24h',
  transferRate: { megabytesPerSecond: 100, rowsPerSecond: 200000 },
  copy: { tableJobs: 8, indexJobs: 4 },
  ddl: 'pause',
  lag: { heartbeat: '1s', undelayed: '5s' },
  precheck: { wait: false },
  ignoreWarnings: ['replica_identity'],
  cutover: { fence: 'readOnly', validate: 'checksum' },
}

/** Every field of the MigrationSpec, a field before those inside it, each path once. */
export function specFields(): SpecField[] {
  const found = new Map<string, SpecField>()
  for (const field of fieldsOf(jsonSchema(), '')) if (!found.has(field.path)) found.set(field.path, field)
  return [...found.values()]
}

function fieldsOf(node: SchemaNode, prefix: string): SpecField[] {
  const own = Object.entries(node.properties ?? {}).flatMap(([name, field]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`
    return [{ path, node: field, required: node.required?.includes(name) ?? false }, ...fieldsOf(field, path)]
  })
  const forms = (node.anyOf ?? []).filter(({ properties }) => properties)
  const inside = forms.flatMap((form) =>
    fieldsOf(form, prefix).map((field) => (forms.length > 1 ? { ...field, required: false, ofOneForm: field.required } : field)),
  )
  return [...own, ...inside, ...(node.items ? fieldsOf(node.items, `${prefix}[]`) : [])]
}

/** What a value may be, in words: `"none" or "readOnly"`, `list of object`, `number or null`. */
function typeOf(node: SchemaNode): string {
  if (node.enum) return node.enum.map((value) => JSON.stringify(value)).join(' or ')
  if (node.anyOf) return [...new Set(node.anyOf.map(typeOf))].join(' or ')
  if (node.type === 'array') return `list of ${node.items ? typeOf(node.items) : 'anything'}`
  return node.type ?? 'anything'
}

/** The whole file. */
export function specReference(): string {
  const fields = specFields()
  const tops = fields.filter(({ path }) => !/[.[]/.test(path))
  const sections = tops.map((top) => section(top, fields))
  return [
    '# Every field of a migration spec',
    'Written from the schema that the worker validates with, by `node --import tsx src/spec/write-reference.ts`. A spec is one JSON object; only `source` and `target` are required, and a field that is not listed here is refused.',
    'A duration is written as `500ms`, `10s`, `1h30m`, `12h` or `7d`. A name stands as it does in the catalogue, without quotes.',
    ...sections,
  ]
    .join('\n\n')
    .concat('\n')
}

function section(top: SpecField, fields: readonly SpecField[]): string {
  const rows = fields.filter(({ path }) => path === top.path || path.startsWith(`${top.path}.`) || path.startsWith(`${top.path}[`)).map(row)
  const example = JSON.stringify({ [top.path]: EXAMPLES[top.path] })
  const table = ['| field | type | default | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n')
  return `## ${top.path}\n\n${table}\n\nExample: \`${example}\``
}

function row({ path, node, required, ofOneForm }: SpecField): string {
  const standard = required
    ? 'required'
    : ofOneForm
      ? 'one of the forms'
      : node.default === undefined
        ? ''
        : `\`${JSON.stringify(node.default)}\``
  return `| \`${path}\` | ${typeOf(node)} | ${standard} | ${(node.description ?? '').replace(/[\\*|]/g, '\\$&')} |`
}
