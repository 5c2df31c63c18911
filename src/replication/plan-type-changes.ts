import { ident } from '../postgres/quote.ts'
import type { LoggedType } from './logged-ddl.ts'

const NOT_VALID = ' NOT VALID'

/**
 * What one command has changed of a domain or composite type, as statements under the source's names.
 *
 * @param identity the type as the source prints it after the command
 * @param there names of the target's constraints or attributes: what it has already, or has lost, is left alone
 */
export function planTypeChanges(identity: string, before: LoggedType, after: LoggedType, there: ReadonlySet<string>): string[] {
  if ('attributes' in after) return 'attributes' in before ? planAttributes(`alter type ${identity}`, before, after, there) : []
  return 'attributes' in before ? [] : planDomain(`alter domain ${identity}`, before, after, there)
}

type Composite = Extract<LoggedType, { readonly attributes: unknown }>
type Domain = Exclude<LoggedType, Composite>

/** CASCADE reaches the tables that are made of the type: their columns have nothing left to do then. */
function planAttributes(alter: string, before: Composite, after: Composite, there: ReadonlySet<string>): string[] {
  const had = new Map(before.attributes.map((one) => [one.number, one]))
  const kept = new Set(after.attributes.map(({ number }) => number))
  const dropped = before.attributes.filter(({ number, name }) => !kept.has(number) && there.has(name))
  return [
    ...dropped.map(({ name }) => `${alter} drop attribute ${ident(name)} cascade`),
    ...after.attributes.flatMap(({ number, name, type }) => {
      const old = had.get(number)
      if (!old) return there.has(name) ? [] : [`${alter} add attribute ${ident(name)} ${type} cascade`]
      return [
        ...(old.name !== name && there.has(old.name) ? [`${alter} rename attribute ${ident(old.name)} to ${ident(name)} cascade`] : []),
        ...(old.type !== type ? [`${alter} alter attribute ${ident(name)} type ${type} cascade`] : []),
      ]
    }),
  ]
}

function planDomain(alter: string, before: Domain, after: Domain, there: ReadonlySet<string>): string[] {
  const had = new Map(before.constraints.map((one) => [one.oid, one]))
  const kept = new Set(after.constraints.map(({ oid }) => oid))
  const statements: string[] = []
  for (const { oid, name } of before.constraints)
    if (!kept.has(oid) && there.has(name)) statements.push(`${alter} drop constraint ${ident(name)}`)
  if (before.notNull !== after.notNull) statements.push(`${alter} ${after.notNull ? 'set' : 'drop'} not null`)
  if (before.default !== after.default)
    statements.push(`${alter} ${after.default === null ? 'drop default' : `set default ${after.default}`}`)
  for (const { oid, name, definition } of after.constraints) {
    const old = had.get(oid)
    if (!old && !there.has(name)) statements.push(`${alter} add constraint ${ident(name)} ${definition}`)
    if (old && old.name !== name && there.has(old.name)) statements.push(`${alter} rename constraint ${ident(old.name)} to ${ident(name)}`)
    if (old?.definition === `${definition}${NOT_VALID}`) statements.push(`${alter} validate constraint ${ident(name)}`)
  }
  return statements
}
