// Compiles a worker's entry to one JavaScript file. Plain JavaScript: a worker that must first load a compiler for each of its modules takes
// 40 MB more and three times the CPU time to start.
import { createHash } from 'node:crypto'
import { access, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const BUILD = path.join(PROJECT, 'build')
/** Another worker may be about to load what it found to be up to date. */
const KEPT_MS = 600_000

/**
 * The path of the compiled entry. One that was built ahead, or by an earlier start, is taken only if every file that it was made of is as it was then.
 * Several processes may compile at once.
 *
 * @param {string} entry a TypeScript file, relative to the project
 * @returns {Promise<string | undefined>} undefined where the folder `build` can't be written
 */
export async function compiledWorker(entry) {
  const name = entry.replace(/\.ts$/, '').replaceAll('/', '-')
  const manifest = path.join(BUILD, `${name}.json`)
  return (await upToDate(manifest)) ?? (await compile(entry, name, manifest))
}

/** @param {string} manifest */
async function upToDate(manifest) {
  try {
    const { output, inputs } = JSON.parse(await readFile(manifest, 'utf8'))
    const file = path.join(BUILD, output)
    await access(file)
    return (await digest(inputs)) === path.parse(output).name.split('.').at(-1) ? file : undefined
  } catch {
    return undefined
  }
}

async function compile(entry, name, manifest) {
  const { build } = await import('esbuild')
  const result = await build({
    absWorkingDir: PROJECT,
    entryPoints: [entry],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outfile: path.join(BUILD, `${name}.mjs`),
    metafile: true,
    write: false,
    logLevel: 'silent',
  })
  const inputs = ['package.json', ...Object.keys(result.metafile.inputs)].sort()
  const output = `${name}.${await digest(inputs)}.mjs`
  try {
    await mkdir(BUILD, { recursive: true })
    await replace(path.join(BUILD, output), result.outputFiles[0].contents)
    await replace(manifest, JSON.stringify({ output, inputs }))
    await removeStale(name, output)
    return path.join(BUILD, output)
  } catch {
    return undefined
  }
}

/** Of the files' names and contents. */
async function digest(files) {
  const hash = createHash('sha256')
  for (const file of files) hash.update(`${file}\0`).update(await readFile(path.join(PROJECT, file)))
  return hash.digest('hex').slice(0, 16)
}

async function removeStale(name, output) {
  for (const file of await readdir(BUILD)) {
    if (file === output || !file.startsWith(`${name}.`) || !file.endsWith('.mjs')) continue
    const { mtimeMs } = await stat(path.join(BUILD, file))
    if (Date.now() - mtimeMs > KEPT_MS) await rm(path.join(BUILD, file), { force: true })
  }
}

async function replace(file, content) {
  const unfinished = `${file}.${process.pid}`
  await writeFile(unfinished, content)
  await rename(unfinished, file)
}
