/** Steps of a copy and of the index builds behind it at which a crash is most likely to lose or double something; told to `onStep`. */
export type CopyStep =
  /** The chunks of a table are written down, and the table is empty. */
  | 'chunks planned'
  /** One of a table's chunks is final. */
  | 'chunk copied'
  /** All of them are, and nothing says so of the table. */
  | 'chunks copied'
  /** All rows of the tables are in, uncommitted. */
  | 'rows copied'
  /** The index of a constraint stands, and is no constraint yet. */
  | 'index built'
  /** The tables' indexes and constraints stand; they are not analyzed. */
  | 'indexes finished'
