import { mkdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TemporalServer } from '../dev/temporal-server.ts'
import { clientProgram } from '../src/postgres/client-program.ts'

const PGMOVE = fileURLToPath(new URL('../src/cli/pgmove.mjs', import.meta.url))

export interface Surroundings {
  readonly urls: { readonly source: string; readonly target: string }
  readonly temporal: TemporalServer
  /** Removed with the demo. */
  readonly folder: string
}

/** Writes the file that makes `pgmove`, `temporal` and `psql` work in a shell against the demo's servers. Returns its name. */
export async function shellFile(file: string, { urls, temporal, folder }: Surroundings): Promise<string> {
  const programs = path.join(folder, 'bin')
  await mkdir(programs)
  for (const [name, target] of [
    ['pgmove', PGMOVE],
    ['temporal', temporal.cli],
    ['psql', await clientProgram('psql', 10)],
  ] as const) {
    // A bare name is in PATH already.
    if (path.isAbsolute(target)) await symlink(target, path.join(programs, name))
  }
  const variables = { TEMPORAL_ADDRESS: temporal.address, DEMO_SOURCE_URL: urls.source, DEMO_TARGET_URL: urls.target }
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'`)
  await writeFile(file, `${[...lines, `export PATH='${programs}':"$PATH"`].join('\n')}\n`)
  return file
}
