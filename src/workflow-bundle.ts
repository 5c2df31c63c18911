import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { bundleWorkflowCode } from '@temporalio/worker'
import { PROJECT_FOLDER } from './project-folder.ts'

const WORKFLOWS = path.join(PROJECT_FOLDER, 'src/workflows/index.ts')
const BUILDER = path.join(PROJECT_FOLDER, 'src/build-workflow-bundle.ts')
const BUILD = path.join(PROJECT_FOLDER, 'build')

/** What workflow code is made of; a change of any of these makes a built bundle stale. */
const SOURCES = ['src/workflows', 'src/spec', 'src/errors', 'src/postgres']

/**
 * Where the Worker finds the workflows: in the bundle that belongs to these sources. If it was not built ahead, a process of its
 * own builds it now: bundling takes more memory than moving data. Where no file can be written, the Worker bundles for itself.
 */
export async function workflowSource(): Promise<{ workflowBundle: { codePath: string } } | { workflowsPath: string }> {
  const codePath = await bundlePath()
  if (!existsSync(codePath)) {
    await promisify(execFile)(process.execPath, ['--import', 'tsx', BUILDER], { cwd: PROJECT_FOLDER }).catch(() => undefined)
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
    for (const entry of await readdir(path.join(PROJECT_FOLDER, folder), { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) files.push(path.relative(PROJECT_FOLDER, path.join(entry.parentPath, entry.name)))
    }
  }
  for (const file of files.sort()) hash.update(`${file}\0`).update(await readFile(path.join(PROJECT_FOLDER, file)))
  return path.join(BUILD, `workflow-bundle-${hash.digest('hex').slice(0, 16)}.js`)
}
