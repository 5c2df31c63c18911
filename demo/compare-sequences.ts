import { ident } from '../src/postgres/quote.ts'
import type { Session } from './session.ts'

export interface SequenceComparison {
  readonly sequences: number
  readonly differences: readonly string[]
}

interface Sequence {
  /** The value that nextval gives next. */
  readonly next: bigint
  readonly step: bigint
}

/** Compares all sequences: the target may not give a value again that the source gave already. */
export async function compareSequences(source: Session, target: Session): Promise<SequenceComparison> {
  const [wanted, found] = [await sequences(source), await sequences(target)]
  const differences: string[] = []
  for (const [name, { next, step }] of wanted) {
    const there = found.get(name)
    if (!there) differences.push(`sequence ${name} is missing on the target`)
    else if (step > 0n ? there.next < next : there.next > next) {
      differences.push(`sequence ${name}: the next value is ${next} on the source and ${there.next} on the target`)
    }
  }
  return { sequences: wanted.size, differences }
}

async function sequences({ query }: Session): Promise<Map<string, Sequence>> {
  const result = new Map<string, Sequence>()
  const rows = await query(`
    select n.nspname as schema, c.relname as name, s.seqincrement as step
    from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace
    where n.nspname !~ '^pg_' and n.nspname <> 'pgmove' order by 1, 2`)
  for (const { schema, name, step } of rows) {
    const [row] = await query(`select last_value, is_called from ${ident(schema ?? '')}.${ident(name ?? '')}`)
    const last = BigInt(row?.['last_value'] ?? 0)
    result.set(`${schema}.${name}`, { next: row?.['is_called'] === 't' ? last + BigInt(step ?? 1) : last, step: BigInt(step ?? 1) })
  }
  return result
}
