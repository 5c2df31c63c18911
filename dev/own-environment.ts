/** This process's environment without what may point to other servers: the user's own settings of libpq and Temporal. */
export function ownEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PG(?!MOVE_CACHE)|TEMPORAL_)/.test(name)))
}
