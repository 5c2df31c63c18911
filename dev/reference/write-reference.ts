// Writes the references in docs/reference from the code's own definitions; that of the spec is written by src/spec/write-reference.ts.
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { PROJECT_FOLDER } from '../../src/project-folder.ts'
import { references } from './references.ts'

for (const { file, text } of references()) {
  const at = path.join(PROJECT_FOLDER, file)
  await mkdir(path.dirname(at), { recursive: true })
  await writeFile(at, text)
}
