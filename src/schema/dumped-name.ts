/** An identifier as pg_dump writes it, and a name that may have its schema's before it: sources of regular expressions with the flag u. */
export const IDENT = String.raw`(?:"(?:[^"]|"")*"|[\w$\u0080-\uffff]+)`
export const NAME = `${IDENT}(?:\\.${IDENT})?`
