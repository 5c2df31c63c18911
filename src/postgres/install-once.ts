import { execFile } from 'node:child_process'
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { chmod, mkdir, mkdtemp } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A partial folder older than this (ms) belongs to a process that was killed. */
const ABANDONED_AFTER = 3_600_000

const running = new Map<string, Promise<string>>()

/**
 * Fills `folder` once and for all. `build` works in a folder beside it that is renamed when complete, so a killed or a second process never
 * leaves or sees half of it. Everything is readable by every user afterwards, whatever the umask.
 *
 * @returns `folder`
 */
export function installOnce(folder: string, build: (work: string) => Promise<void>): Promise<string> {
  const known = running.get(folder)
  if (known) return known
  const result = install(folder, build).finally(() => running.delete(folder))
  running.set(folder, result)
  return result
}

async function install(folder: string, build: (work: string) => Promise<void>): Promise<string> {
  if (existsSync(folder)) return folder
  const parent = path.dirname(folder)
  await mkdir(parent, { recursive: true })
  removeAbandoned(parent)
  const work = await mkdtemp(`${folder}.partial-`)
  try {
    await build(work)
    await chmod(work, 0o755)
    await run('chmod', ['-R', 'a+rX', work])
    try {
      renameSync(work, folder)
    } catch (error) {
      // Another process was faster; its folder is as good.
      if (!existsSync(folder)) throw error
    }
    return folder
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.includes('.partial-')) continue
    const stat = statSync(path.join(parent, name), { throwIfNoEntry: false })
    if (stat && Date.now() - stat.mtimeMs > ABANDONED_AFTER) rmSync(path.join(parent, name), { recursive: true, force: true })
  }
}
