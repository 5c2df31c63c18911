import { selectsLargeObjects } from '../large-objects/selects-large-objects.ts'
import { oidArray } from '../postgres/oid-array.ts'
import { ident } from '../postgres/quote.ts'
import type { Check } from './check.ts'
import { failed, passed, warning } from './finding.ts'
import type { Finding } from './finding.ts'
import type { PrecheckContext } from './precheck-context.ts'

const MOST_NAMED = 20

export const largeObjects: Check = {
  name: 'large_objects',
  expected: 'the source has no large objects, or none is written to during the migration and the target has none of their OIDs',
  applies: ({ full, incremental }) => full || incremental,
  run: async (context) => {
    const { source, spec, names, full, incremental } = context
    const [row] = await source.query<{ n: string }>('select count(*) as n from pg_largeobject_metadata')
    const count = row?.n ?? '0'
    if (count === '0') return passed('none')
    if (!(await selectsLargeObjects(source, spec, names))) {
      return passed(`${count}, left out: no selected column could refer to them (type oid, or a domain over it)`)
    }
    if (!full) return warning(`${count}`, 'Without "full" large objects are not brought over, nor are changes to them: move them by hand.')
    const obstacle = (await closedToRole(context)) ?? (spec.existing === 'refuse' ? await taken(context) : await foreign(context))
    if (obstacle) return obstacle
    if (!incremental) return passed(`${count}, copied under the snapshot of the tables`)
    return warning(
      `${count}, whose changes are in no stream`,
      'They are copied, and at cutover read once more on both sides and brought up to date, which prolongs it by the time of reading them: ' +
        'ignore this warning if that is acceptable.',
    )
  },
}

/** As PostgreSQL checks it: pg_read_all_data does not help. */
async function closedToRole({ source, sourceRole }: PrecheckContext): Promise<Finding | undefined> {
  const rows = await source.query<{ lo: string }>(
    `select m.oid as lo from pg_largeobject_metadata m
      where not (select rolsuper from pg_roles where rolname = current_user) and current_setting('lo_compat_privileges') = 'off'
        and not exists (select from aclexplode(coalesce(m.lomacl, acldefault('L', m.lomowner))) as a
                         where a.privilege_type = 'SELECT' and (a.grantee = 0 or pg_has_role(a.grantee, 'usage')))
      order by 1`,
  )
  if (rows.length === 0) return undefined
  const role = ident(sourceRole.name)
  const oids = rows.map(({ lo }) => lo)
  const statement =
    oids.length <= MOST_NAMED
      ? `grant select on large object ${oids.join(', ')} to ${role}`
      : `do $$ declare lo oid; begin for lo in select oid from pg_largeobject_metadata loop execute format('grant select on large object %s to ${role.replaceAll("'", "''")}', lo); end loop; end $$`
  return failed(
    `${oids.length} are closed to ${sourceRole.name}`,
    `${statement}; or, for those to come as well, as superuser: alter role ${role} set lo_compat_privileges = on`,
    oids.map((oid) => `large object ${oid}`),
  )
}

/** Those that are equal are kept. */
async function taken(context: PrecheckContext): Promise<Finding | undefined> {
  const { source, target, id } = context
  const present = await onTarget(target, source, id)
  if (present.length === 0) return undefined
  const [here, there] = [await digests(source, present), await digests(target, present)]
  const differing = present.filter((oid) => here.get(oid) === undefined || here.get(oid) !== there.get(oid))
  if (differing.length === 0) return undefined
  return failed(
    `${differing.length} OIDs stand for other large objects on the target`,
    'Remove those of the target (select lo_unlink(…)), or set "existing": "replace". An earlier run of pgmove that failed leaves its own there.',
    differing.map((oid) => `large object ${oid}`),
  )
}

/** Those that the role can't replace. */
async function foreign({ source, target, id, targetRole }: PrecheckContext): Promise<Finding | undefined> {
  const present = await onTarget(target, source, id)
  const rows = await target.query<{ lo: string; owner: string }>(
    `select oid as lo, pg_get_userbyid(lomowner) as owner from pg_largeobject_metadata
      where oid = any ($1::oid[]) and not pg_has_role(lomowner, 'usage') order by 1`,
    [oidArray(present)],
  )
  if (rows.length === 0) return undefined
  const owners = [...new Set(rows.map(({ owner }) => ident(owner)))].join(', ')
  return failed(
    `${rows.length} that are to be replaced belong to others on the target`,
    `grant ${owners} to ${ident(targetRole.name)}`,
    rows.map(({ lo }) => `large object ${lo}`),
  )
}

const PAGE = 10_000

/** OIDs of the source's that the target has and this migration has not made. */
async function onTarget(target: PrecheckContext['target'], source: PrecheckContext['source'], id: string): Promise<string[]> {
  const [state] = await target.query<{ there: string }>(`select to_regclass('pgmove.large_object') is not null as there`)
  const own = state?.there === 't' ? `and not exists (select from pgmove.large_object r where r.id = $2 and r.large_object = m.oid)` : ''
  const present: string[] = []
  for (let after = '0'; ;) {
    const rows = await source.query<{ lo: string }>(
      `select oid as lo from pg_largeobject_metadata where oid > $1::oid order by oid limit ${PAGE}`,
      [after],
    )
    const last = rows.at(-1)
    if (!last) return present
    after = last.lo
    const found = await target.query<{ lo: string }>(
      `select m.oid as lo from pg_largeobject_metadata m where m.oid = any ($1::oid[]) and $2::text is not null ${own} order by 1`,
      [`{${rows.map(({ lo }) => lo).join(',')}}`, id],
    )
    present.push(...found.map(({ lo }) => lo))
  }
}

/** Up to this many bytes a side; others count as not equal, so that the precheck stays a matter of seconds. */
const MOST_BYTES = 256 * 1024 * 1024
/** lo_get() gives no more than 1 GB. */
const BIGGEST = 64 * 1024 * 1024

async function digests(database: PrecheckContext['source'], oids: readonly string[]): Promise<Map<string, string>> {
  const rows = await database.query<{ lo: string; digest: string }>(
    `with opened as (select lo, n, lo_open(lo, 262144) as fd from unnest($1::oid[]) with ordinality as x (lo, n)),
          sized as (select lo, n, fd, lo_lseek64(fd, 0, 2) as bytes from opened),
          closed as (select lo, n, bytes, lo_close(fd) from sized),
          summed as (select lo, bytes, sum(bytes) over (order by n) as before from closed)
     select lo, md5(lo_get(lo)) as digest from summed where bytes <= ${BIGGEST} and before <= ${MOST_BYTES}`,
    [oidArray(oids)],
  )
  return new Map(rows.map(({ lo, digest }) => [lo, digest]))
}
