/** `roles` of the spec. */
export interface RoleMapping {
  readonly map: Readonly<Record<string, string>>
  readonly grants: 'keep' | 'drop'
}

export const UNMAPPED: RoleMapping = { map: {}, grants: 'keep' }

/** The target's name of a role of the source. */
export function targetRole({ map }: Pick<RoleMapping, 'map'>, role: string): string {
  return Object.hasOwn(map, role) ? (map[role] ?? role) : role
}
