interface ParsedType {
  /** Without modifier, in one spelling. */
  readonly base: string
  readonly modifiers: readonly number[]
}

const INTEGERS: Readonly<Record<string, number>> = { smallint: 5, integer: 10, bigint: 19 }
/** Fractional digits of seconds where none are given. */
const MOST_DIGITS = 6

/**
 * Whether a column of the type `target` takes every value of the type `source`. Both as format_type() prints them under an empty
 * search_path; of other types than the built-in ones only the very same name is sure.
 */
export function acceptsType(source: string, target: string): boolean {
  if (source === target) return true
  if (source.endsWith('[]') && target.endsWith('[]')) return acceptsType(source.slice(0, -2), target.slice(0, -2))
  const [from, to] = [parseType(source), parseType(target)]
  if (from === undefined || to === undefined) return false
  return from.base === to.base ? acceptsModifiers(from, to) : acceptsOther(from, to)
}

function parseType(type: string): ParsedType | undefined {
  const match = /^([a-z][a-z ]*?)(?:\((-?\d+)(?:,(-?\d+))?\))?((?: with(?:out)? time zone)?)$/.exec(type)
  if (!match) return undefined
  const [, base = '', first, second, zone = ''] = match
  return { base: base + zone, modifiers: [first, second].flatMap((text) => (text === undefined ? [] : [Number(text)])) }
}

function acceptsModifiers({ base, modifiers: from }: ParsedType, { modifiers: to }: ParsedType): boolean {
  const [length] = to
  if (length === undefined) return base !== 'character' && base !== 'bit'
  const [had] = from
  if (base === 'numeric') return had !== undefined && acceptsDigits({ whole: had - (from[1] ?? 0), scale: from[1] ?? 0 }, to)
  if (/^(timestamp|time|interval)/.test(base)) return (had ?? MOST_DIGITS) <= length
  if (base === 'bit') return had === length
  return had !== undefined && had <= length
}

function acceptsOther({ base: from, modifiers: had }: ParsedType, { base: to, modifiers }: ParsedType): boolean {
  const digits = INTEGERS[from]
  if (digits !== undefined) {
    const wider = INTEGERS[to]
    if (wider !== undefined) return digits <= wider
    return to === 'numeric' && (modifiers.length === 0 || acceptsDigits({ whole: digits, scale: 0 }, modifiers))
  }
  const [length, most] = [had[0], modifiers[0]]
  if (from === 'character varying' || from === 'character') {
    return to === 'text' || (to === 'character varying' && (most === undefined || (length !== undefined && length <= most)))
  }
  if (from === 'text' || from === 'name') return (to === 'character varying' && most === undefined) || to === 'text'
  if (from === 'bit') return to === 'bit varying' && (most === undefined || (length ?? 1) <= most)
  if (from === 'real') return to === 'double precision'
  if (from === 'date') return to === 'timestamp without time zone'
  return (from === 'jsonb' && to === 'json') || (from === 'cidr' && to === 'inet')
}

function acceptsDigits({ whole, scale }: { whole: number; scale: number }, [precision = 0, places = 0]: readonly number[]): boolean {
  return scale <= places && whole <= precision - places
}
