import type { Database } from '../postgres/connect.ts'
import { ident } from '../postgres/quote.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import type { TocEntry } from './archive-toc.ts'
import { entryName } from './entry-name.ts'

export interface Remark {
  readonly object: string
  readonly text: string
}

/** What stays behind beside whole entries: tablespaces, and what pg_dump was told to leave out. */
export async function notCarriedOver(
  source: Database,
  spec: Pick<MigrationSpec, 'objects'>,
  selected: readonly TocEntry[],
  target: { readonly tablespaces: ReadonlySet<string> },
): Promise<Remark[]> {
  const remarks: Remark[] = []
  for (const entry of selected) {
    const { tablespace } = entry
    if (tablespace === null || target.tablespaces.has(tablespace)) continue
    remarks.push({
      object: `tablespace of ${entryName(entry)}`,
      text: `The target has no tablespace ${ident(tablespace)}; the object is in the database's default one.`,
    })
  }
  if (spec.objects !== null) return remarks
  const others = await source.query<{ kind: string; name: string }>(
    `select 'PUBLICATION' as kind, pubname as name from pg_publication where pubname not like 'pgmove\\_%'
     union all
     select 'SUBSCRIPTION', subname from pg_subscription s join pg_database d on d.oid = s.subdbid where d.datname = current_database()
     order by 1, 2`,
  )
  for (const { kind, name } of others) {
    remarks.push({ object: `${kind} ${ident(name)}`, text: `It was left out: ${kind.toLowerCase()}s are not copied.` })
  }
  return remarks
}
