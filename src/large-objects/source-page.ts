import { sqlState } from '../errors/classify.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'

/** A right that a role has been given on a large object. */
export interface LargeObjectGrant {
  readonly grantor: string
  /** Null for PUBLIC. */
  readonly grantee: string | null
  readonly privilege: string
  readonly grantable: boolean
}

export interface SourceLargeObject {
  readonly oid: string
  readonly owner: string
  readonly comment: string | null
  /** Null if nobody ever granted or revoked anything. */
  readonly grants: readonly LargeObjectGrant[] | null
  readonly bytes: bigint
}

const MOST_OBJECTS = 500
/** After an object that fills it a page ends: it is read under one snapshot. */
const MOST_BYTES = 64n * 1024n * 1024n

/**
 * The large objects behind an OID, in order of their OIDs: up to 500, or less if they are big; none if there are no more.
 *
 * @throws MigrationError `InsufficientPrivilege` with the statement that helps
 */
export async function readSourcePage(source: Database, after: string): Promise<SourceLargeObject[]> {
  const rows = await source
    .query<{ lo: string; owner: string; comment: string | null; grants: string | null; bytes: string }>(
      // Sizes without reading: lo_lseek64 looks at the last page only (INV_READ is 262144, SEEK_END 2).
      `with page as (
         select m.oid as lo, m.lomowner, m.lomacl from pg_largeobject_metadata m where m.oid > $1::oid order by m.oid limit ${MOST_OBJECTS}
       ), opened as (
         select page.*, lo_open(lo, 262144) as fd from page
       ), sized as (
         select opened.*, lo_lseek64(fd, 0, 2) as bytes from opened
       )
       select lo, pg_get_userbyid(lomowner) as owner, obj_description(lo, 'pg_largeobject') as comment, bytes, lo_close(fd),
              case when lomacl is not null then coalesce((
                select json_agg(json_build_object('grantor', pg_get_userbyid(a.grantor),
                                                  'grantee', case when a.grantee <> 0 then pg_get_userbyid(a.grantee) end,
                                                  'privilege', a.privilege_type, 'grantable', a.is_grantable))
                  from aclexplode(lomacl) as a), '[]') end as grants
         from sized order by lo`,
      [after],
    )
    .catch((error: unknown) => {
      throw sqlState(error) === '42501' ? closed(error) : error
    })
  const page: SourceLargeObject[] = []
  let sum = 0n
  for (const { lo, owner, comment, grants, bytes } of rows) {
    if (sum >= MOST_BYTES) break
    sum += BigInt(bytes)
    page.push({
      ...{ oid: lo, owner, comment, bytes: BigInt(bytes) },
      grants: grants === null ? null : (JSON.parse(grants) as LargeObjectGrant[]),
    })
  }
  return page
}

function closed(error: unknown): unknown {
  if (!(error instanceof MigrationError)) return error
  return new MigrationError(error.kind, `${error.message} Large objects are copied by a role that may read all of them.`, {
    side: 'source',
    hint: `Run "grant select on large object … to …" for it, or "alter role … set lo_compat_privileges = on", then send the signal resume.`,
    cause: error,
  })
}
