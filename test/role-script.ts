import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { clientProgram } from '../src/postgres/client-program.ts'
import { testEnvironment } from './test-environment.ts'

const FOLDER = new URL('../deploy/roles/', import.meta.url)

/**
 * Runs a script of `deploy/roles` as its user does, by psql.
 *
 * @param url of the database, with a role that may make roles
 * @returns the warnings and notices that psql printed
 */
export async function runRoleScript(side: 'source' | 'target', url: string, variables: Readonly<Record<string, string>>): Promise<string> {
  const set = Object.entries(variables).flatMap(([name, value]) => ['-v', `${name}=${value}`])
  const file = fileURLToPath(new URL(`${side}.sql`, FOLDER))
  const { stderr } = await promisify(execFile)(await clientProgram('psql', 11), ['-Xq', ...set, '-f', file, url], {
    env: testEnvironment(),
  })
  return stderr
}
