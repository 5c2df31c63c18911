import { createHash } from 'node:crypto'
import type { Database } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'
import type { ObjectChange } from '../state/object-change.ts'
import { asNotValid, parseForeignKey } from './foreign-key-definition.ts'
import type { ForeignKeyDefinition } from './foreign-key-definition.ts'

/** A foreign key that is replaced while changes are applied without replica role. */
export interface StandIn {
  readonly change: ObjectChange
  /** Adds the stand-in. */
  readonly add: string
}

/** Up to 17 a foreign key of a partitioned table can't be NOT VALID. */
export const SINCE_NOT_VALID_ON_PARTITIONED = 180000

/** The name of every stand-in begins with it. */
export const STAND_IN_PREFIX = 'pgmove_fk_'

/** The key as the ledger calls it. */
export function foreignKeyObject(schema: string, table: string, name: string): string {
  return `${qualified(schema, table)} ${ident(name)}`
}

/** The name of a key's stand-in, by the key's `foreignKeyObject`. */
export function standInName(object: string): string {
  return `${STAND_IN_PREFIX}${createHash('sha256').update(object).digest('hex').slice(0, 16)}`
}

/**
 * Whether the key itself may stand while whole source transactions are applied: it does nothing of its own and is checked at commit,
 * or is never checked.
 */
export function mayStand(key: ForeignKeyDefinition): boolean {
  return !key.enforced || (key.actsOnNothing && key.initiallyDeferred)
}

/**
 * What stands for a foreign key until cutover: the same columns with NO ACTION DEFERRABLE INITIALLY DEFERRED. CASCADE, SET NULL,
 * SET DEFAULT and RESTRICT act at once even when deferred, and what they did on the source comes in the stream by itself.
 *
 * @param definition pg_dump's `ALTER TABLE … ADD CONSTRAINT … FOREIGN KEY …`
 * @param followers statements that need the true key, such as its comment
 */
export function standInFor(
  target: Pick<Database, 'version'>,
  table: { readonly schema: string; readonly name: string },
  definition: string,
  { own, followers = [] }: { readonly own: boolean; readonly followers?: readonly string[] },
): StandIn {
  const key = parseForeignKey(definition)
  const object = foreignKeyObject(table.schema, table.name, key.name)
  const standIn = ident(standInName(object))
  const only = key.partitioned ? '' : 'only '
  const notValid = !key.partitioned || target.version >= SINCE_NOT_VALID_ON_PARTITIONED
  const body = [
    'foreign key',
    key.columns,
    'references',
    key.references,
    key.match,
    'deferrable initially deferred',
    notValid ? 'not valid' : '',
  ]
  return {
    change: {
      kind: 'foreign_key',
      object,
      own,
      restore: [
        `alter table ${only}${key.table} drop constraint if exists ${standIn};`,
        notValid ? asNotValid(definition) : definition,
        ...followers,
      ].join('\n'),
    },
    add: `alter table ${only}${key.table} add constraint ${standIn} ${body.filter(Boolean).join(' ')}`,
  }
}
