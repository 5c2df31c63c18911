// Writes the list of the precheck's items into OPERATIONS.md.
import { readFile, writeFile } from 'node:fs/promises'
import { REFERENCE_FILE, withItemReference } from './item-reference.ts'

const file = new URL(`../../${REFERENCE_FILE}`, import.meta.url)
await writeFile(file, withItemReference(await readFile(file, 'utf8')))
