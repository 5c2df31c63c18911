import { spawnSync } from 'node:child_process'
import { accessSync, chmodSync, constants, lstatSync, mkdirSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { PROJECT_FOLDER } from '../project-folder.ts'

/** An unprivileged user id that exists on every system: "nobody" on Linux. */
const NOBODY = 65_534

let folder: string | undefined

/**
 * The folder below which downloaded programs are kept: `PGMOVE_CACHE`, else `.cache` in the project, else one under the system's temporary
 * folder when the project's can't be written, or, for root, can't be entered by the unprivileged user that PostgreSQL has to run as.
 *
 * @throws Error when none can be used; the message says what to set.
 */
export function cacheFolder(): string {
  return (folder ??= chooseCacheFolder())
}

function chooseCacheFolder(): string {
  const chosen = process.env['PGMOVE_CACHE']
  if (chosen) return made(path.resolve(chosen))
  const project = path.join(PROJECT_FOLDER, '.cache')
  try {
    if (enteredByOthers(made(project))) return project
  } catch {
    // Not ours to write: an installed package, or a read-only image.
  }
  return ownTemporaryFolder()
}

function made(dir: string): string {
  mkdirSync(dir, { recursive: true })
  accessSync(dir, constants.W_OK | constants.X_OK)
  return dir
}

function enteredByOthers(dir: string): boolean {
  if (process.getuid?.() !== 0) return true
  chmodSync(dir, 0o755)
  // By its whole path: a process that starts in the folder is already inside, whatever lies above.
  return spawnSync('ls', [dir], { cwd: '/', uid: NOBODY, gid: NOBODY, stdio: 'ignore' }).status === 0
}

function ownTemporaryFolder(): string {
  const uid = process.getuid?.()
  const dir = path.join(os.tmpdir(), `pgmove-cache-${uid ?? os.userInfo().username}`)
  mkdirSync(dir, { recursive: true, mode: 0o755 })
  const stat = lstatSync(dir)
  // Programs are run from here: a folder that somebody else made or can write to is a trap.
  if (!stat.isDirectory() || (uid !== undefined && (stat.uid !== uid || (stat.mode & 0o022) !== 0))) {
    throw new Error(
      `The cache folder ${dir} belongs to another user or can be written by others; set PGMOVE_CACHE to a folder of your own.`,
    )
  }
  return dir
}
