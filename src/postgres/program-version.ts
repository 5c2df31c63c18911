import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The first `major.minor` that `program --version` prints, or undefined if the program can't be run. */
export async function programVersion(program: string): Promise<{ major: number; minor: number } | undefined> {
  try {
    const { stdout } = await run(program, ['--version'], { timeout: 20_000 })
    const match = /(\d+)(?:\.(\d+))?/.exec(stdout)
    return match ? { major: Number(match[1]), minor: Number(match[2] ?? 0) } : undefined
  } catch {
    return undefined
  }
}
