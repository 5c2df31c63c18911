/** One thing that is wrong with a spec or an argument. Never holds a secret. */
export interface SpecProblem {
  /** JSON path, such as `$.objects[1].columns`. */
  readonly path: string
  /** What stands there, described; values of connections are never repeated. */
  readonly found: string
  /** What may stand there. */
  readonly expected: string
}

/** The JSON path of keys and indexes: `$.objects[1].columns`. */
export function jsonPath(keys: readonly PropertyKey[]): string {
  return keys.reduce<string>((path, key) => {
    if (typeof key === 'number') return `${path}[${key}]`
    const name = String(key)
    return /^[A-Za-z_]\w{0,62}$/.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(shortened(name))}]`
  }, '$')
}

/** What stands at a place, for a message; with `secret` only its kind. */
export function described(value: unknown, secret: boolean): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object') return 'an object'
  if (secret) return typeof value === 'string' ? (value === '' ? 'an empty text' : 'a text') : `a ${typeof value}`
  if (typeof value === 'string') return JSON.stringify(shortened(value))
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : `a ${typeof value}`
}

function shortened(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`
}
