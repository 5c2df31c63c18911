import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { installOnce } from '../../src/postgres/install-once.ts'

async function scratch(t: { after(work: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-install-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

test('a folder is built once by callers at the same time, and found afterwards', async (t) => {
  const folder = path.join(await scratch(t), 'tool')
  let builds = 0
  const build = async (work: string) => {
    builds++
    await writeFile(path.join(work, 'file'), 'content')
  }
  assert.deepEqual(await Promise.all([installOnce(folder, build), installOnce(folder, build)]), [folder, folder])
  await installOnce(folder, build)
  assert.equal(builds, 1)
})

test('a build that fails leaves nothing, and the next one succeeds', async (t) => {
  const parent = await scratch(t)
  const folder = path.join(parent, 'tool')
  const failing = installOnce(folder, async (work) => {
    await writeFile(path.join(work, 'half'), '')
    throw new Error('no network')
  })
  await assert.rejects(failing, /no network/)
  assert.deepEqual(await readdir(parent), [])
  await installOnce(folder, (work) => writeFile(path.join(work, 'file'), 'content'))
  assert.deepEqual(await readdir(folder), ['file'])
})

test('when another process was faster its folder is taken', async (t) => {
  const parent = await scratch(t)
  const folder = path.join(parent, 'tool')
  await installOnce(folder, async (work) => {
    await writeFile(path.join(work, 'file'), 'second')
    // As another process would: beside this one, without its lock.
    const other = path.join(parent, 'other')
    await installOnce(other, (theirs) => writeFile(path.join(theirs, 'file'), 'first'))
    await rename(other, folder)
  })
  assert.equal(await readFile(path.join(folder, 'file'), 'utf8'), 'first')
  assert.deepEqual(await readdir(parent), ['tool'])
})

test('every user can read what was installed', async (t) => {
  const folder = path.join(await scratch(t), 'tool')
  await installOnce(folder, async (work) => {
    await writeFile(path.join(work, 'program'), '', { mode: 0o700 })
    await chmod(work, 0o700)
  })
  assert.equal((await stat(folder)).mode & 0o777, 0o755)
  assert.equal((await stat(path.join(folder, 'program'))).mode & 0o777, 0o755)
})
