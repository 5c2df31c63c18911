import type { Database } from '../postgres/connect.ts'
import { ident } from '../postgres/quote.ts'
import { readExtensionRows } from '../source/extension-rows.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import type { TocEntry } from './archive-toc.ts'
import { entryName } from './entry-name.ts'
import type { TargetFacts } from './restorable-definition.ts'
import { withoutSecrets } from './without-secrets.ts'
import { wordsForVersion } from './words-for-version.ts'

const MOST_CHARACTERS = 500

export interface Remark {
  readonly object: string
  readonly text: string
}

/** What stays behind beside whole entries: tablespaces, secrets, what an older target can't say, and what pg_dump was told to leave out. */
export async function notCarriedOver(
  source: Database,
  spec: Pick<MigrationSpec, 'objects'>,
  selected: readonly TocEntry[],
  target: TargetFacts,
): Promise<Remark[]> {
  const remarks: Remark[] = []
  for (const entry of selected) {
    const { tablespace } = entry
    if (tablespace !== null && !target.tablespaces.has(tablespace)) {
      remarks.push({
        object: `tablespace of ${entryName(entry)}`,
        text: `The target has no tablespace ${ident(tablespace)}; the object is in the database's default one.`,
      })
    }
    const { removed } = withoutSecrets(entry)
    if (removed.length > 0) {
      const text = `Secrets are not copied: set ${removed.join(', ')} on the target by ALTER ${entry.kind} … OPTIONS (ADD …).`
      remarks.push({ object: `secrets of ${entryName(entry)}`, text })
    }
    const { lost } = wordsForVersion(entry, target.version)
    if (lost.length > 0) {
      const major = Math.floor(target.version / 10_000)
      remarks.push({
        object: `part of ${entryName(entry)}`,
        text: `PostgreSQL ${major} does not know it: ${[...new Set(lost)].join(', ')}.`,
      })
    }
  }
  remarks.push(...(await otherColumnOrder(source, selected)))
  if (spec.objects !== null) return remarks
  for (const { extension, table, unreadable } of await readExtensionRows(source)) {
    const rows = unreadable
      ? 'This role can not read it: if it holds rows of your own, they were'
      : 'It holds rows that do not come with the extension; they were'
    remarks.push({ object: `rows of ${table}`, text: `${rows} left out: tables of extensions (${ident(extension)}) are not copied.` })
  }
  const others = await source.query<{ kind: string; name: string; essence: string }>(
    `select 'publication' as kind, p.pubname as name,
            'of ' || case when p.puballtables then 'all tables'
                          else coalesce((select string_agg(format('%I.%I', t.schemaname, t.tablename), ', ' order by t.schemaname, t.tablename)
                                           from (select * from pg_publication_tables t where t.pubname = p.pubname limit 10) t), 'no table') end as essence
       from pg_publication p where p.pubname not like 'pgmove\\_%'
     union all
     select 'subscription', s.subname, 'to the publications ' || array_to_string(s.subpublications, ', ')
       from pg_subscription s join pg_database d on d.oid = s.subdbid where d.datname = current_database()
     order by 1, 2`,
  )
  for (const { kind, name, essence } of others) {
    const text = `It was left out: ${kind}s are not copied (it is ${essence}).`
    remarks.push({ object: `${kind.toUpperCase()} ${ident(name)}`, text: text.slice(0, MOST_CHARACTERS) })
  }
  return remarks
}

/**
 * Tables that got a parent, or whose parent got a column, after they had columns of their own. pg_dump makes inherited columns first,
 * so that INSERT without a list of columns means other ones on the target.
 */
async function otherColumnOrder(source: Database, selected: readonly TocEntry[]): Promise<Remark[]> {
  const rows = await source.query<{ oid: string }>(
    `select c.oid from pg_class c
      where c.relkind = 'r' and not c.relispartition and exists (select from pg_inherits i where i.inhrelid = c.oid)
        and (array(select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum)
             <> array(select a.attname
                        from pg_attribute a
                        left join lateral (select i.inhseqno, p.attnum from pg_inherits i
                                             join pg_attribute p on p.attrelid = i.inhparent and p.attname = a.attname and p.attnum > 0
                                            where i.inhrelid = c.oid order by 1 limit 1) p on true
                       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                       order by p.inhseqno, p.attnum, a.attnum))`,
  )
  const tables = new Set(rows.map(({ oid }) => oid))
  return selected
    .filter(({ kind, oid }) => kind === 'TABLE' && tables.has(oid))
    .map((entry) => ({
      object: `order of columns of ${entryName(entry)}`,
      text: 'On the target the inherited columns stand first, as pg_dump makes them: name the columns in INSERT and COPY.',
    }))
}
