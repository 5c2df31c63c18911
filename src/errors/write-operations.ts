// Writes the reference of errors into OPERATIONS.md.
import { readFile, writeFile } from 'node:fs/promises'
import { OPERATIONS_FILE, withErrorReference } from './operations-file.ts'

const file = new URL(`../../${OPERATIONS_FILE}`, import.meta.url)
await writeFile(file, withErrorReference(await readFile(file, 'utf8')))
