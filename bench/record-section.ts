import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FILE = fileURLToPath(new URL('../BENCHMARKS.md', import.meta.url))
const HEAD = `# Benchmarks

What pgmove was measured to do, by \`npm run bench\` (\`npm run bench -- --help\` lists what there is). Every run checks that the
result is equal before a figure counts. Compare ratios and limits, not seconds: machines differ.
`

/** Puts a section into BENCHMARKS.md, in place of an older one of the same title. */
export function recordSection(title: string, text: string): void {
  const before = existsSync(FILE) ? readFileSync(FILE, 'utf8') : HEAD
  const [head = HEAD, ...sections] = before.split(/^(?=## )/m)
  const section = `## ${title}\n\n${text}\n`
  const at = sections.findIndex((other) => other.startsWith(`## ${title}\n`))
  if (at === -1) sections.push(section)
  else sections[at] = section
  writeFileSync(FILE, [head.trimEnd(), ...sections.map((s) => s.trim())].join('\n\n') + '\n')
}
