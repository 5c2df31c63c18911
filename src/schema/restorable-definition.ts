import { ident } from '../postgres/quote.ts'
import type { TocEntry } from './archive-toc.ts'
import type { OwnObjects } from './own-objects.ts'
import { withReplicaIdentity } from './own-objects.ts'
import { withoutSecrets } from './without-secrets.ts'
import { wordsForVersion } from './words-for-version.ts'

export interface TargetFacts {
  /** server_version_num. */
  readonly version: number
  readonly tablespaces: ReadonlySet<string>
}

const SINCE_ACCESS_METHODS = 120000

/**
 * The statements that make an entry's object on the target, in words that it knows and without secrets; pg_restore too adds
 * tablespace and access method around the definition.
 */
export function restorableDefinition(entry: TocEntry, target: TargetFacts, own: OwnObjects): string {
  const { kind, tag, oid, tablespace, accessMethod } = entry
  // pg_dump's entry for "public" is a mere comment; it is restored where the target lacks the schema.
  if (kind === 'SCHEMA') return `create schema ${ident(tag)};`
  const previous = kind === 'TABLE' ? own.replicaIdentities.get(oid) : undefined
  const words = wordsForVersion({ kind, definition: withoutSecrets(entry).definition }, target.version).definition
  const plain = previous === undefined ? words : withReplicaIdentity(words, previous)
  const settings: [set: string, reset: string][] = []
  if (tablespace !== null && target.tablespaces.has(tablespace)) {
    settings.push([`set local default_tablespace = ${ident(tablespace)};`, `set local default_tablespace = '';`])
  }
  if (accessMethod !== null && accessMethod !== 'heap' && target.version >= SINCE_ACCESS_METHODS) {
    settings.push([`set local default_table_access_method = ${ident(accessMethod)};`, 'set local default_table_access_method = heap;'])
  }
  return [...settings.map(([set]) => set), plain, ...settings.map(([, reset]) => reset)].join('\n')
}

/** A restorable definition without the settings around it, as pg_dump would write it. */
export function withoutSettings(definition: string): string {
  return definition.replaceAll(/^set local default_(?:tablespace|table_access_method) = .*;\n?/gm, '').trim()
}
