/** One attribute of one object that is not on the target as on the source. */
export interface MetadataDifference {
  /** Such as `table`, `index` or `column`. */
  readonly kind: string
  /** The object under the target's names: its parts unquoted, with dots between. */
  readonly object: string
  /** `existence` if one side lacks the object. */
  readonly attribute: string
  /** As the source has it, under the target's names where they are mapped; null if it is missing there. */
  readonly source: string | null
  /** As the target has it; null if it is missing there. */
  readonly target: string | null
}

/** What could not be compared: never taken for equal. */
export interface NotCompared {
  /** Such as `table`, `index` or `column`. */
  readonly kind: string
  /** Null means the whole kind. */
  readonly object: string | null
  /** Why. */
  readonly reason: string
}
