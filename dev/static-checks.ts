import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const bin = (name: string) => fileURLToPath(new URL(`../node_modules/${name}`, import.meta.url))

const CHECKS: readonly (readonly [name: string, script: string, ...args: string[]])[] = [
  ['format', bin('prettier/bin/prettier.cjs'), '--check', '--log-level', 'warn', '.'],
  ['types', bin('typescript/bin/tsc'), '--noEmit', '-p', '.'],
  ['lint', bin('eslint/bin/eslint.js'), '--max-warnings', '0', '.'],
]

/** Runs the checks that need no running program, side by side, and prints one line each, with the findings of those that fail. */
export async function staticChecks(): Promise<boolean> {
  const results = await Promise.all(CHECKS.map(([name, script, ...args]) => check(name, script, args)))
  return results.every(Boolean)
}

function check(name: string, script: string, args: string[]): Promise<boolean> {
  const started = Date.now()
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], { cwd: PROJECT, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      const seconds = ((Date.now() - started) / 1000).toFixed(1)
      console.log(`${error ? '✖' : '✔'} ${name} (${seconds} s)`)
      if (error) console.log(`${stdout}${stderr}`)
      resolve(!error)
    })
  })
}
