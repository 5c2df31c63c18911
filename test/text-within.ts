/** All text within a value: strings and keys, and bytes read as UTF-8, such as the payloads of a history. For searching. */
export function textWithin(value: unknown, seen = new Set<object>()): string {
  if (typeof value === 'string') return `${value}\n`
  if (value instanceof Uint8Array) return `${Buffer.from(value).toString('utf8')}\n`
  if (typeof value !== 'object' || value === null || seen.has(value)) return ''
  seen.add(value)
  return Object.entries(value)
    .map(([key, inner]) => `${key}\n${textWithin(inner, seen)}`)
    .join('')
}
