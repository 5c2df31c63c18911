import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode } from '@temporalio/worker'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const WORKFLOWS = fileURLToPath(new URL('./workflows/index.ts', import.meta.url))
const BUNDLE = path.join(ROOT, 'build', 'workflow-bundle.js')
const STAMP = path.join(ROOT, 'build', 'workflow-bundle.json')

/** What workflow code is made of; a change of any of these makes a built bundle stale. */
const SOURCES = ['src/workflows', 'src/spec', 'src/errors']

/** Where the Worker finds the workflows: the bundle built ahead if it belongs to these sources, else the sources. */
export async function workflowSource(): Promise<{ workflowBundle: { codePath: string } } | { workflowsPath: string }> {
  const built = await readFile(STAMP, 'utf8').catch(() => undefined)
  const fresh = built !== undefined && (JSON.parse(built) as { sources?: string }).sources === (await fingerprint())
  return fresh ? { workflowBundle: { codePath: BUNDLE } } : { workflowsPath: WORKFLOWS }
}

/** Builds the bundle for production; returns its path. */
export async function buildWorkflowBundle(): Promise<string> {
  const { code } = await bundleWorkflowCode({ workflowsPath: WORKFLOWS })
  await mkdir(path.dirname(BUNDLE), { recursive: true })
  await writeFile(BUNDLE, code)
  await writeFile(STAMP, `${JSON.stringify({ sources: await fingerprint() })}\n`)
  return BUNDLE
}

/** A hash over the sources and the lock file: the bundle must be of exactly the installed @temporalio version. */
async function fingerprint(): Promise<string> {
  const hash = createHash('sha256')
  const files = ['package.json']
  for (const folder of SOURCES) {
    for (const entry of await readdir(path.join(ROOT, folder), { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) files.push(path.relative(ROOT, path.join(entry.parentPath, entry.name)))
    }
  }
  for (const file of files.sort()) hash.update(`${file}\0`).update(await readFile(path.join(ROOT, file)))
  return hash.digest('hex')
}
