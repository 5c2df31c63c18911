import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { clientProgram } from '../src/postgres/client-program.ts'
import { ident } from '../src/postgres/quote.ts'
import { withDatabase, withSession } from './session.ts'

const run = promisify(execFile)
const NEWEST = 18
/** What belongs to the dump's own session, and the owner of the schema that every database is born with: since 15 it is another one. */
const PASSED_OVER = /^(--|SET default_table|\\unrestrict|ALTER SCHEMA public OWNER TO )/

export interface DefinitionComparison {
  readonly definitions: number
  readonly differences: readonly string[]
}

/**
 * Compares all definitions as `pg_dump` prints them. The source's go through a scratch database on the target's server first, so that both
 * are printed by the same version.
 */
export async function compareDefinitions(sourceUrl: string, targetUrl: string): Promise<DefinitionComparison> {
  const scratch = `pgmove_demo_${randomBytes(6).toString('hex')}`
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-demo-'))
  const admin = withDatabase(targetUrl, 'postgres')
  await withSession(admin, ({ query }) => query(`create database ${ident(scratch)} template template0`))
  try {
    const file = path.join(folder, 'source.sql')
    await dump(sourceUrl, '--file', file)
    const scratchUrl = withDatabase(targetUrl, scratch)
    await run(await clientProgram('psql', 10), ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', file, scratchUrl], { maxBuffer: 16 << 20 })
    const [wanted, found] = [definitionsOf(await dump(scratchUrl)), definitionsOf(await dump(targetUrl))]
    return { definitions: wanted.size, differences: differencesOf(wanted, found) }
  } finally {
    await withSession(admin, ({ query }) => query(`drop database ${ident(scratch)}`))
    await rm(folder, { recursive: true, force: true })
  }
}

async function dump(url: string, ...more: string[]): Promise<string> {
  const args = ['--schema-only', '--no-publications', '--no-subscriptions', '--exclude-schema=pgmove', ...more, url]
  const { stdout } = await run(await clientProgram('pg_dump', NEWEST), args, { maxBuffer: 256 << 20 })
  return stdout
}

/** The statements of a plain dump by the object that they make; settings of the dump's own session left out. */
export function definitionsOf(text: string): Map<string, string> {
  const result = new Map<string, string>()
  // Each object stands below a comment of three lines: "--", "-- Name: …; Type: …; Schema: …; Owner: …", "--".
  const [, ...parts] = text.split(/^--\n-- Name: /m)
  for (const part of parts) {
    const [header = '', ...lines] = part.split('\n')
    const [, name, type, schema] = /^(.*); Type: (.*); Schema: (.*); Owner: /.exec(header) ?? ['', header, '', '']
    const body = lines.filter((line) => line !== '' && !PASSED_OVER.test(line))
    if (body.length === 0) continue
    const key = `${(type ?? '').toLowerCase()} ${schema === '-' ? '' : `${schema}.`}${name}`
    result.set(key, `${result.get(key) ?? ''}${body.join('\n')}\n`)
  }
  return result
}

function differencesOf(wanted: ReadonlyMap<string, string>, found: ReadonlyMap<string, string>): string[] {
  const differences: string[] = []
  for (const [key, definition] of wanted) {
    const there = found.get(key)
    if (there === undefined) differences.push(`${key} is missing on the target`)
    else if (there !== definition) differences.push(`${key} is defined otherwise on the target: ${firstDifference(definition, there)}`)
  }
  for (const key of found.keys()) if (!wanted.has(key)) differences.push(`${key} is only on the target`)
  return differences
}

function firstDifference(wanted: string, found: string): string {
  const [a, b] = [wanted.split('\n'), found.split('\n')]
  const at = a.findIndex((line, i) => line !== b[i])
  return at < 0 ? `it has more: "${b[a.length - 1]?.trim()}"` : `"${a[at]?.trim()}" became "${b[at]?.trim() ?? ''}"`
}
