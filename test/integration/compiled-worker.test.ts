import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import { PROJECT_FOLDER } from '../../src/project-folder.ts'

const run = promisify(execFile)

test('a worker runs compiled from exactly the sources that are there, and uncompiled where nothing can be written', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-compiled-'))
  try {
    await mkdir(path.join(folder, 'src'))
    for (const file of ['start-worker.mjs', 'compiled-worker.mjs', 'small-heap.mjs', 'project-folder.ts']) {
      await copyFile(path.join(PROJECT_FOLDER, 'src', file), path.join(folder, 'src', file))
    }
    await copyFile(path.join(PROJECT_FOLDER, 'package.json'), path.join(folder, 'package.json'))
    await symlink(path.join(PROJECT_FOLDER, 'node_modules'), path.join(folder, 'node_modules'))
    const word = (text: string) => writeFile(path.join(folder, 'src/word.ts'), `export const WORD: string = '${text}'\n`)
    const print = `import { WORD } from './word.ts'\nimport { PROJECT_FOLDER } from './project-folder.ts'\nconsole.log(WORD, PROJECT_FOLDER, import.meta.url)\n`
    await writeFile(path.join(folder, 'src/worker.ts'), print)
    const started = async () => {
      const { stdout } = await run(process.execPath, ['src/start-worker.mjs'], { cwd: folder })
      const [text, project, from] = stdout.trim().split(' ')
      assert.equal(path.resolve(project!), folder)
      return { text, from: path.relative(folder, new URL(from!).pathname) }
    }
    await word('first')
    const first = await started()
    assert.match(first.from, /^build\/src-worker\.[0-9a-f]{16}\.mjs$/)
    assert.deepEqual([first.text, await started()], ['first', first])
    await word('second')
    const second = await started()
    assert.equal(second.text, 'second')
    assert.notEqual(second.from, first.from)
    await rm(path.join(folder, 'build'), { recursive: true })
    await writeFile(path.join(folder, 'build'), 'no folder')
    assert.deepEqual(await started(), { text: 'second', from: 'src/worker.ts' })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
