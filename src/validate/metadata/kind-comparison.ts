import { ident } from '../../postgres/quote.ts'
import type { Database } from '../../postgres/connect.ts'
import type { CatalogueKind } from './catalogue-kind.ts'
import type { ComparisonScope } from './comparison-scope.ts'
import type { MetadataDifference, NotCompared } from './metadata-difference.ts'
import { mapNames } from './names-in-text.ts'
import { attributesOf } from './read-kind.ts'
import type { CatalogueObject } from './read-kind.ts'
import { queryIn, sameByRenaming, sameOnTarget } from './target-wording.ts'
import type { RenamingParts, WordedObject } from './target-wording.ts'
import { compareValue } from './value-comparison.ts'
import type { ComparisonContext } from './value-comparison.ts'

/** An object under the target's names. */
interface Identity {
  readonly schema: string | null
  readonly relation: string | null
  readonly name: string | null
  readonly signature: readonly string[] | null
  readonly role: string | null
}

interface Found {
  readonly difference: MetadataDifference
  /** SQL that the target may word alike. */
  readonly query?: { readonly source: string; readonly target: string }
  /** The source's statement under its own names, and the target's object. */
  readonly original?: { readonly statement: string; readonly object: WordedObject }
}

export interface KindComparisonArgs {
  readonly kind: CatalogueKind
  readonly scope: ComparisonScope
  readonly context: ComparisonContext
  /** Tables, types and schemas that both sides have, by their names on the target; those of this kind are added. */
  readonly containers: Set<string>
  readonly leftOut: ReadonlySet<string> | undefined
  readonly ignoreExtra: boolean
  readonly populated: boolean
  readonly byRenaming?: ((statement: string) => RenamingParts | undefined) | undefined
}

/** The kinds that pg_dump has for one of ours, where they are not the same word. */
const DUMP_KINDS: Readonly<Record<string, readonly string[]>> = {
  constraint: ['CONSTRAINT', 'CHECK CONSTRAINT', 'FK CONSTRAINT'],
  'domain constraint': ['CHECK CONSTRAINT'],
  domain: ['DOMAIN'],
  type: ['TYPE', 'SHELL TYPE'],
  'statistics object': ['STATISTICS'],
  'operator class': ['OPERATOR CLASS'],
  language: ['PROCEDURAL LANGUAGE'],
}

/** One kind of object: first all of the source's, then all of the target's, then the end. */
export class KindComparison {
  readonly notCompared: NotCompared[] = []
  compared = 0
  readonly #args: KindComparisonArgs
  /** Objects of the source under the target's names; null is known but not compared. */
  readonly #source = new Map<string, CatalogueObject | null>()
  readonly #found: Found[] = []

  constructor(args: KindComparisonArgs) {
    this.#args = args
  }

  addSource(row: CatalogueObject): void {
    const { kind, scope } = this.#args
    const identity = this.#mapped(row)
    // Of several sources of one name, the one that is compared counts.
    if (identity && scope.includes(kind, row)) this.#source.set(keyOf(identity), row)
    else {
      const key = keyOf(identity ?? own(row))
      if (!this.#source.has(key)) this.#source.set(key, null)
    }
  }

  addTarget(row: CatalogueObject): void {
    const { kind, containers } = this.#args
    const identity = own(row)
    const key = keyOf(identity)
    const source = this.#source.get(key)
    if (source === null) return
    if (source === undefined) {
      if (this.#countsAsExtra(identity)) this.#existence(identity, null, 'present')
      return
    }
    this.#source.delete(key)
    if (!this.#containerThere(identity)) return
    this.compared++
    if (kind.container) containers.add(containerKey(kind, identity))
    this.#compare(identity, source, row)
  }

  /** What the source alone has counts now; what the target words alike falls away. */
  async finish(target: Database): Promise<MetadataDifference[]> {
    for (const row of this.#source.values()) {
      const identity = row && this.#mapped(row)
      if (identity && this.#containerThere(identity) && !this.#wasLeftOut(row, identity)) this.#existence(identity, 'present', null)
    }
    const differences: MetadataDifference[] = []
    for (const { difference, query, original } of this.#found) {
      const [here, there] = query ? [queryIn(query.source), queryIn(query.target)] : []
      if (here !== undefined && there !== undefined && (await sameOnTarget(target, here, there))) continue
      const parts = original && this.#args.byRenaming?.(original.statement)
      if (original && parts && (await sameByRenaming(target, parts, original.object))) continue
      differences.push(difference)
    }
    return differences
  }

  #compare(identity: Identity, source: CatalogueObject, target: CatalogueObject): void {
    const { kind, context, scope, populated } = this.#args
    const relation = source.schema !== null && source.relation !== null ? { schema: source.schema, name: source.relation } : undefined
    const owner = { source: source['owner'] ?? null, target: target['owner'] ?? null }
    for (const attribute of attributesOf(source)) {
      const form = kind.forms?.[attribute] ?? 'text'
      if (attribute === 'populated' && !populated) continue
      // Who owns the schema public, and what the owner and everybody may do in it, is no one's choice and differs between versions.
      const isPublic = kind.kind === 'schema' && (source.schema === 'public' || target.schema === 'public')
      if (isPublic && form === 'owner') continue
      const here =
        attribute === 'replica identity'
          ? (scope.replicaIdentities.get(source.oid) ?? source[attribute] ?? null)
          : (source[attribute] ?? null)
      const there = target[attribute] ?? null
      // Nothing to map, and the same text.
      if (here === there && form === 'text') continue
      try {
        const verdict = compareValue(here, there, { form, relation, owner, namedGrantsOnly: isPublic }, context)
        if (verdict === 'equal') continue
        const { expected, found = there, query, original: statement } = verdict
        const object = { kind: kind.kind, oid: target.oid, statement: query?.target ?? '' }
        const original = statement === undefined ? undefined : { statement, object }
        const difference = { kind: kind.kind, object: objectText(identity), attribute, source: cut(expected), target: cut(found) }
        this.#found.push({ difference, ...(query ? { query } : {}), ...(original ? { original } : {}) })
      } catch (error) {
        const reason = `${attribute}: ${error instanceof Error ? error.message : String(error)}`.slice(0, 500)
        this.notCompared.push({ kind: kind.kind, object: objectText(identity), reason })
      }
    }
  }

  #existence(identity: Identity, source: string | null, target: string | null): void {
    const difference = { kind: this.#args.kind.kind, object: objectText(identity), attribute: 'existence', source, target }
    this.#found.push({ difference })
  }

  /** Undefined if the mapping leaves the object out, or the target lacks its role. */
  #mapped(row: CatalogueObject): Identity | undefined {
    const { kind, context } = this.#args
    const { map } = context
    const { schema, relation } = row
    const identity = own(row)
    const role = identity.role ? context.role(identity.role) : identity.role
    if (role === undefined) return undefined
    const table = schema !== null && relation !== null ? { schema, name: relation } : undefined
    const name = kind.kind === 'column' && table && row.name !== null ? map.column(table, row.name) : row.name
    if (name === undefined) return undefined
    return {
      schema: schema === null ? null : map.schema(schema),
      relation: table ? map.relation(table).name : null,
      name,
      signature: signatureOf(row, (type) => mapNames(type, map)),
      role,
    }
  }

  #containerThere(identity: Identity): boolean {
    const { kind, containers } = this.#args
    if (identity.relation === null || identity.name === null) return true
    return containers.has(containerKey(kind, identity))
  }

  /** A part of something that both sides have, or an object in a schema that a whole schema went into. */
  #countsAsExtra(identity: Identity): boolean {
    const { kind, scope, ignoreExtra } = this.#args
    if (identity.relation !== null && identity.name !== null) return this.#containerThere(identity)
    if (ignoreExtra || kind.kind === 'schema') return false
    return identity.schema === null ? scope.everything : scope.wholeTargetSchemas.has(identity.schema)
  }

  #wasLeftOut(row: CatalogueObject, identity: Identity): boolean {
    const { kind, leftOut } = this.#args
    if (!leftOut || leftOut.size === 0) return false
    const kinds = DUMP_KINDS[kind.kind] ?? [kind.kind.toUpperCase()]
    return [own(row), identity].some((names) => {
      const signature = names.signature ? `(${names.signature.map((type) => type.replaceAll('"', '')).join(', ')})` : ''
      const tag = [names.relation, names.name].filter((part) => part !== null).join(' ') + signature
      const short = `${names.name ?? names.relation ?? ''}${signature}`
      const schema = names.schema === null ? '' : `${ident(names.schema)}.`
      return kinds.some((word) => leftOut.has(`${word} ${schema}${ident(tag)}`) || leftOut.has(`${word} ${schema}${ident(short)}`))
    })
  }
}

/** The parts of a schema's type and of a table share one space of names. */
function containerKey(_: CatalogueKind, { schema, relation }: Identity): string {
  return `${schema ?? ''}\0${relation ?? ''}`
}

function own(row: CatalogueObject): Identity {
  const { schema, relation, name } = row
  return { schema, relation, name, signature: signatureOf(row, canonical), role: row['role'] ?? null }
}

const SAME_NAMES = { schema: (name: string) => name, relation: (name: { schema: string; name: string }) => name }
const canonical = (type: string): string => mapNames(type, SAME_NAMES as Parameters<typeof mapNames>[1])

function signatureOf({ signature }: CatalogueObject, map: (type: string) => string): string[] | null {
  return signature === null ? null : (JSON.parse(signature) as string[]).map(map)
}

function keyOf({ schema, relation, name, signature, role }: Identity): string {
  return [schema, relation, name, signature?.join(','), role].map((part) => part ?? '\x01').join('\0')
}

function objectText({ schema, relation, name, signature, role }: Identity): string {
  const parts = [schema, relation, name].filter((part) => part !== null).join('.')
  const types = signature ? `(${signature.map(unquoted).join(', ')})` : ''
  return `${parts}${types}${role ? ` for ${role}` : ''}`
}

function unquoted(type: string): string {
  return type.replace(/"((?:[^"]|"")+)"/g, (whole, name: string) => (whole === '"char"' ? whole : name.replaceAll('""', '"')))
}

const SHOWN = 4000

function cut(text: string | null): string | null {
  return text !== null && text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text
}
