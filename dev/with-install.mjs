// Installs the dependencies if they are absent or not those of package-lock.json, then runs a TypeScript file with the remaining arguments.
// Plain JavaScript without imports from packages: it is what runs first on a fresh clone.
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const project = fileURLToPath(new URL('..', import.meta.url))
const [script, ...args] = process.argv.slice(2)
if (!script) throw new Error('usage: node dev/with-install.mjs FILE [ARGUMENT…]')

if (!installed()) {
  console.error('Installing the dependencies (npm ci)…')
  // Standard output belongs to the script that follows.
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: project,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (status !== 0) {
    console.error('npm ci failed: see its messages above. Node.js 20.19 or newer and a reachable npm registry are needed.')
    process.exit(1)
  }
}

const child = spawn(process.execPath, ['--import', 'tsx', path.join(project, script), ...args], { stdio: 'inherit' })
for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
  // Ctrl-C in a terminal reaches the child by itself.
  process.on(signal, () => (signal === 'SIGINT' && process.stdin.isTTY) || child.kill(signal))
}
child.on('exit', (code, signal) => {
  process.exitCode = code ?? 128 + (signal === 'SIGINT' ? 2 : signal === 'SIGKILL' ? 9 : 15)
})

/** Whether every package of package-lock.json stands in node_modules in its version; optional ones are for other platforms. */
function installed() {
  const packages = (file) => JSON.parse(readFileSync(path.join(project, file), 'utf8')).packages
  try {
    const wanted = packages('package-lock.json')
    const present = packages('node_modules/.package-lock.json')
    return Object.entries(wanted).every(([name, { version, optional }]) => name === '' || optional || present[name]?.version === version)
  } catch {
    return false
  }
}
