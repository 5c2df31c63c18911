import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { bundleWorkflowCode } from '@temporalio/worker'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const WORKFLOWS = fileURLToPath(new URL('./workflows/index.ts', import.meta.url))
const BUILDER = fileURLToPath(new URL('./build-workflow-bundle.ts', import.meta.url))
const BUILD = path.join(ROOT, 'build')

/** What workflow code is made of; a change of any of these makes a built bundle stale. */
const SOURCES = ['src/workflows', 'src/spec', 'src/errors']

/**
 * Where the Worker finds the workflows: in the bundle that belongs to these sources. If it was not built ahead, a process of its
 * own builds it now: bundling takes more memory than moving data. Where no file can be written, the Worker bundles for itself.
 */
export async function workflowSource(): Promise<{ workflowBundle: { codePath: string } } | { workflowsPath: string }> {
  const codePath = await bundlePath()
  if (!existsSync(codePath)) {
    await promisify(execFile)(process.execPath, [...process.execArgv, BUILDER], { cwd: ROOT }).catch(() => undefined)
  }
  return existsSync(codePath) ? { workflowBundle: { codePath } } : { workflowsPath: WORKFLOWS }
}

/** Builds the bundle of these sources; returns its path. Several processes may do so at once. */
export async function buildWorkflowBundle(): Promise<string> {
  const codePath = await bundlePath()
  await mkdir(BUILD, { recursive: true })
  const { code } = await bundleWorkflowCode({ workflowsPath: WORKFLOWS })
  const unfinished = `${codePath}.${process.pid}`
  await writeFile(unfinished, code)
  await rename(unfinished, codePath)
  const stale = (await readdir(BUILD)).filter((name) => /^workflow-bundle.*\.js(on)?$/.test(name) && name !== path.basename(codePath))
  for (const name of stale) await rm(path.join(BUILD, name), { force: true })
  return codePath
}

/** The name tells the sources and package.json: the bundle must be of exactly the installed @temporalio version. */
async function bundlePath(): Promise<string> {
  const hash = createHash('sha256')
  const files = ['package.json']
  for (const folder of SOURCES) {
    for (const entry of await readdir(path.join(ROOT, folder), { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) files.push(path.relative(ROOT, path.join(entry.parentPath, entry.name)))
    }
  }
  for (const file of files.sort()) hash.update(`${file}\0`).update(await readFile(path.join(ROOT, file)))
  return path.join(BUILD, `workflow-bundle-${hash.digest('hex').slice(0, 16)}.js`)
}
