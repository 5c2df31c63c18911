/** This process's environment without the caller's own PostgreSQL and Temporal settings, which must not change what tests find. */
export function testEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PG(?!MOVE_)|TEMPORAL_)/.test(name)))
}
