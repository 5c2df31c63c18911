/** OIDs as a parameter for `$n::oid[]`. */
export function oidArray(oids: readonly string[]): string {
  return `{${oids.join(',')}}`
}
