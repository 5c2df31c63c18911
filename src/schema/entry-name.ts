import { ident } from '../postgres/quote.ts'

/** What a message calls an entry: `FK CONSTRAINT "app"."orders orders_customer_id_fkey"`. */
export function entryName({ kind, schema, tag }: { readonly kind: string; readonly schema: string | null; readonly tag: string }): string {
  return `${kind} ${schema === null ? '' : `${ident(schema)}.`}${ident(tag)}`
}
