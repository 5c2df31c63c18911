import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))

const CHECKS: readonly (readonly [name: string, ...args: string[]])[] = [
  ['format', 'node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'],
  ['types and lint', '--import', 'tsx', 'dev/check-types-and-lint.ts'],
]

/** Runs the checks that need no running program, side by side, and prints one line each, with the findings of those that fail. */
export async function staticChecks(): Promise<boolean> {
  const results = await Promise.all(CHECKS.map(([name, ...args]) => check(name, args)))
  return results.every(Boolean)
}

function check(name: string, args: string[]): Promise<boolean> {
  const started = Date.now()
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: PROJECT, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      const seconds = ((Date.now() - started) / 1000).toFixed(1)
      console.log(`${error ? '✖' : '✔'} ${name} (${seconds} s)`)
      if (error) console.log(`${stdout}${stderr}`)
      resolve(!error)
    })
  })
}
