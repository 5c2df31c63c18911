// Writes the list of the precheck's items into OPERATIONS.md.
import { readFile, writeFile } from 'node:fs/promises'
import { OPERATIONS_FILE } from '../errors/operations-file.ts'
import { withItemReference } from './item-reference.ts'

const file = new URL(`../../${OPERATIONS_FILE}`, import.meta.url)
await writeFile(file, withItemReference(await readFile(file, 'utf8')))
