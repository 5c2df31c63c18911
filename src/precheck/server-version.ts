/** `13.23` for 130023. */
export function versionText(version: number): string {
  return `${majorOf(version)}.${version % 10_000}`
}

export function majorOf(version: number): number {
  return Math.floor(version / 10_000)
}
