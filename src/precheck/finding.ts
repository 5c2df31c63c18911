/** What a check found. */
export interface Finding {
  readonly status: 'Passed' | 'Warning' | 'Failed'
  readonly found: string
  readonly fix: string
  readonly objects: readonly string[]
}

/** `objects` only inform. */
export function passed(found: string, objects: readonly string[] = []): Finding {
  return { status: 'Passed', found, fix: '', objects }
}

/** Waits unless the user ignores it. */
export function warning(found: string, fix: string, objects: readonly string[] = []): Finding {
  return { status: 'Warning', found, fix, objects }
}

/** The migration can't run as it is. */
export function failed(found: string, fix: string, objects: readonly string[] = []): Finding {
  return { status: 'Failed', found, fix, objects }
}
