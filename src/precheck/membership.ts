import { ident } from '../postgres/quote.ts'

/** A role that owns what pgmove has to do something to. */
export interface Owner {
  readonly owner: string
  /** Whether it is a superuser, as PostgreSQL prints a boolean. */
  readonly superuser: string
}

/**
 * The statement that makes a role a member of the owners; where one of them is a superuser, with a comment that says what that comes to:
 * a member may SET ROLE to it.
 */
export function membership(owners: readonly Owner[], role: string): string {
  const names = (some: readonly Owner[]): string => [...new Set(some.map(({ owner }) => ident(owner)))].join(', ')
  const superusers = owners.filter(({ superuser }) => superuser === 't')
  const grant = `grant ${names(owners)} to ${ident(role)}`
  if (superusers.length === 0) return grant
  return `${grant} /* as much as being a superuser, as ${names(superusers)} is; instead: alter ... owner to a role that is none, and grant that */`
}
