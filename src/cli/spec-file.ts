import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { validateSpec } from '../spec/validate-spec.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import type { SpecProblem } from '../spec/spec-problem.ts'
import { CliError, usageError } from './cli-error.ts'
import { EXIT } from './exit-code.ts'
import { jsonProblem } from './json-problem.ts'

/** A MigrationSpec as its user wrote it, and what it means. */
export interface SpecFile {
  readonly path: string
  /** What workflows are started with. */
  readonly document: Record<string, unknown>
  readonly spec: MigrationSpec
}

/** Standard input in the place of a file. */
export const STDIN = '-'

/**
 * Reads a spec and checks it, before anything is sent.
 *
 * @param file a path, or `-` for standard input
 * @throws CliError that names each field that is wrong, with what was found and what is expected
 */
export async function readSpec(file: string, stdin: Readable): Promise<SpecFile> {
  const document = await readJson(file, stdin)
  const checked = validateSpec(document)
  if ('problems' in checked) throw invalidSpecError(nameOf(file), checked.problems)
  return { path: file, document: document as Record<string, unknown>, spec: checked.spec }
}

/** Problems of a spec, or of an argument that was made from options. */
export function invalidSpecError(name: string, problems: readonly SpecProblem[]): CliError {
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
  const lines = problems.map(({ path: place, found, expected }) => `  ${place}: found ${found}, expected ${expected}`)
  return new CliError(EXIT.usage, 'InvalidSpec', [`${name} has ${count}; nothing was started.`, ...lines].join('\n'), { details: problems })
}

/** The workflow ID that a spec's file gives a migration: `specs/shop.json` is `shop`. */
export function workflowIdOf(file: string): string {
  if (file === STDIN) throw usageError('A spec from standard input has no name: give --id.')
  return path.basename(file).replace(/\.json$/i, '')
}

async function readJson(file: string, stdin: Readable): Promise<unknown> {
  const text = (
    file === STDIN ? await all(stdin) : await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => unreadable(file, error))
  )
    // As some editors write it.
    .replace(/^\uFEFF/, '')
  const problem = jsonProblem(text)
  if (!problem) return JSON.parse(text)
  const { line, column, found, expected } = problem
  const message = `${nameOf(file)} is no JSON: line ${line}, column ${column}: found ${found}, expected ${expected}. Nothing was started.`
  throw new CliError(EXIT.usage, 'InvalidJson', message, { details: problem })
}

function unreadable(file: string, { code, message }: NodeJS.ErrnoException): never {
  const reason = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : message
  throw usageError(`The spec ${file} can't be read: ${reason}. pgmove init writes one.`)
}

async function all(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array))
  return Buffer.concat(chunks).toString('utf8')
}

function nameOf(file: string): string {
  return file === STDIN ? 'The spec from standard input' : file
}
