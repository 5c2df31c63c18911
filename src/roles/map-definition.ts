import type { TocEntry } from '../schema/archive-toc.ts'
import { targetRole } from './role-mapping.ts'
import type { RoleMapping } from './role-mapping.ts'
import { withRoles } from './role-statement.ts'

/**
 * A definition that names roles of its own, under the target's: policies, user mappings, functions that set a role. The parser must be
 * loaded. Grants are planned apart, statement by statement.
 */
export function mapRoles({ kind, definition }: Pick<TocEntry, 'kind' | 'definition'>, mapping: RoleMapping): string {
  if (Object.keys(mapping.map).length === 0 || !namesRoles(kind, definition)) return definition
  return withRoles(definition, (role) => targetRole(mapping, role))
}

function namesRoles(kind: string, definition: string): boolean {
  if (kind === 'POLICY' || kind === 'USER MAPPING') return true
  return (kind === 'FUNCTION' || kind === 'PROCEDURE') && /\bSET (role|session_authorization) TO\b/i.test(definition)
}
