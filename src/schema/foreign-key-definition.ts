/** A foreign key as pg_dump defines it. Table, columns and referenced columns are SQL, quoted where needed. */
export interface ForeignKeyDefinition {
  readonly table: string
  /** The key's name, not quoted. */
  readonly name: string
  /** The referencing table is a partitioned one: its key is inherited by the partitions. */
  readonly partitioned: boolean
  /** With its parentheses. */
  readonly columns: string
  /** The referenced table with its columns. */
  readonly references: string
  /** The referenced table alone. */
  readonly referencedTable: string
  /** `MATCH FULL`, or empty. */
  readonly match: string
  /** ON UPDATE and ON DELETE are NO ACTION. */
  readonly actsOnNothing: boolean
  readonly initiallyDeferred: boolean
  readonly valid: boolean
  readonly enforced: boolean
}

const IDENT = String.raw`(?:"(?:[^"]|"")*"|[a-z_\u0080-\uffff][a-z0-9_$\u0080-\uffff]*)`
const NAME = `${IDENT}(?:\\.${IDENT})?`
const LIST = `\\((?:PERIOD )?${IDENT}(?:, (?:PERIOD )?${IDENT})*\\)`
/** pg_dump's dumpConstraint around PostgreSQL's pg_get_constraintdef: machine-made text with one form only. */
const FORM = new RegExp(
  `^ALTER TABLE (ONLY )?(${NAME})\\s+ADD CONSTRAINT (${IDENT}) FOREIGN KEY (${LIST}) REFERENCES ((${NAME}) ?${LIST})` +
    `( MATCH (?:FULL|PARTIAL))?((?: ON (?:UPDATE|DELETE) (?:NO ACTION|RESTRICT|CASCADE|SET NULL|SET DEFAULT)(?: ${LIST})?)*)` +
    `((?: NOT DEFERRABLE| DEFERRABLE)?)((?: INITIALLY (?:DEFERRED|IMMEDIATE))?)( NOT ENFORCED)?( NOT VALID)?;?\\s*$`,
  'u',
)

/**
 * Reads the definition of an `FK CONSTRAINT` entry.
 *
 * @throws Error if it isn't of the form that pg_dump writes
 */
export function parseForeignKey(definition: string): ForeignKeyDefinition {
  const match = FORM.exec(definition)
  if (!match) throw new Error('the definition of a foreign key has an unknown form')
  const [
    ,
    only,
    table = '',
    name = '',
    columns = '',
    references = '',
    referencedTable = '',
    kind = '',
    actions = '',
    ,
    deferred = '',
    notEnforced,
    notValid,
  ] = match
  return {
    table,
    name: name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name,
    partitioned: only === undefined,
    columns,
    references,
    referencedTable,
    match: kind.trim(),
    actsOnNothing: !/ (RESTRICT|CASCADE|SET NULL|SET DEFAULT)/.test(actions),
    initiallyDeferred: deferred.trim() === 'INITIALLY DEFERRED',
    valid: notValid === undefined,
    enforced: notEnforced === undefined,
  }
}

/** The definition with NOT VALID at its end, so that adding it does not look at the rows that are there. */
export function asNotValid(definition: string): string {
  const statement = definition.trimEnd().replace(/;$/, '')
  return / NOT VALID$/.test(statement) ? `${statement};` : `${statement} NOT VALID;`
}
