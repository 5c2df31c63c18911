import { managedService } from '../diagnosis/managed-service.ts'
import type { Database } from '../postgres/connect.ts'
import { ident } from '../postgres/quote.ts'
import type { Check } from './check.ts'
import { failed, passed, warning } from './finding.ts'
import type { PrecheckContext } from './precheck-context.ts'
import { oidList } from './table-lists.ts'

/** Extensions of the source that the target lacks: those that are brought along for sure stop the migration. */
export const extensions: Check = {
  name: 'extensions',
  expected: "the source's extensions are on the target, or can be created there by its role",
  applies: ({ schema }) => schema,
  run: async (context) => {
    const { source, target, spec, tables } = context
    const installed = await source.query<{ name: string; version: string; used: string }>(
      `select e.extname as name, e.extversion as version,
              exists (select from pg_depend d
                        join pg_type t on t.oid = d.objid
                        join pg_attribute a on a.atttypid in (t.oid, t.typarray) and a.attrelid = any ($1::oid[]) and not a.attisdropped
                       where d.classid = 'pg_type'::regclass and d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.deptype = 'e') as used
         from pg_extension e where e.extname <> 'plpgsql' order by 1`,
      [oidList(tables)],
    )
    if (installed.length === 0) return passed('none')
    const rows = await target.query<{ name: string; version: string }>('select extname as name, extversion as version from pg_extension')
    const there = new Map(rows.map(({ name, version }) => [name, version]))
    const lacking = installed.filter(({ name }) => !there.has(name))
    const others = installed.flatMap(({ name, version }) => {
      const other = there.get(name)
      return other === undefined || other === version ? [] : [`${ident(name)} ${other}, on the source ${version}`]
    })
    if (lacking.length === 0) return passed(others.length === 0 ? 'all are there' : 'all are there, some in another version', others)
    const available = new Set((await target.query<{ name: string }>('select name from pg_available_extensions')).map(({ name }) => name))
    const missing = lacking.filter(({ name }) => !available.has(name))
    const neededOf = (some: readonly { readonly used: string }[]) => spec.objects === null || some.some(({ used }) => used === 't')
    if (missing.length > 0) {
      const names = missing.map(({ name }) => ident(name))
      const fix = "Install the extensions' packages on the target's server, or drop them from the source."
      return (neededOf(missing) ? failed : warning)(`${missing.length} are not available`, fix, names)
    }
    const superusers = await onlyForSuperusers(context)
    const closed = lacking.filter(({ name }) => superusers.has(name))
    if (closed.length > 0) {
      const names = closed.map(({ name }) => ident(name))
      const found = `${closed.length} need a superuser to be created`
      const fix = `As superuser on the target: ${names.map((name) => `create extension ${name}`).join('; ')}`
      const service = (await managedService(target)) ?? (await allowsMore(target))
      if (service) return warning(`${found}; ${service} lets other roles create some of them`, fix, names)
      return (neededOf(closed) ? failed : warning)(found, fix, names)
    }
    return passed('those that are not there can be created', [...lacking.map(({ name }) => ident(name)), ...others])
  },
}

const SINCE_TRUSTED = 130000

/** A library of the server that lets roles create extensions that PostgreSQL keeps to superusers (pgextwlist, supautils). */
async function allowsMore(target: Database): Promise<string | undefined> {
  const [row] = await target.query<{ library: string }>(
    `select split_part(name, '.', 1) as library from (values ('extwlist.extensions'), ('supautils.privileged_extensions')) as s (name)
      where current_setting(name, true) <> '' limit 1`,
  )
  return row?.library
}

/** Of those available on the target, in their default version. */
async function onlyForSuperusers({ target, targetRole }: PrecheckContext): Promise<ReadonlySet<string>> {
  if (targetRole.superuser) return new Set()
  const rows = await target.query<{ name: string }>(
    `select v.name from pg_available_extension_versions v join pg_available_extensions a on a.name = v.name and a.default_version = v.version
      where v.superuser ${target.version >= SINCE_TRUSTED ? 'and not v.trusted' : ''}`,
  )
  return new Set(rows.map(({ name }) => name))
}
