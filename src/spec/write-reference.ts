// Writes the reference of a migration spec's fields into docs/reference.
import { mkdir, writeFile } from 'node:fs/promises'
import { SPEC_REFERENCE_FILE, specReference } from './spec-reference.ts'

const file = new URL(`../../${SPEC_REFERENCE_FILE}`, import.meta.url)
await mkdir(new URL('.', file), { recursive: true })
await writeFile(file, specReference())
