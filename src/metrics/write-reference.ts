// Writes the reference of metrics into OPERATIONS.md.
import { readFile, writeFile } from 'node:fs/promises'
import { OPERATIONS_FILE } from '../errors/operations-file.ts'
import { withMetricReference } from './metrics-reference.ts'

const file = new URL(`../../${OPERATIONS_FILE}`, import.meta.url)
await writeFile(file, withMetricReference(await readFile(file, 'utf8')))
