import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { validateSpec } from '../../src/spec/validate-spec.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PASSED_OVER = new Set(['node_modules', 'dist', 'coverage'])

/** Every Markdown file of the project, by its absolute path. */
function markdownFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return PASSED_OVER.has(entry.name) || entry.name.startsWith('.') ? [] : markdownFiles(join(folder, entry.name))
    return entry.name.endsWith('.md') ? [join(folder, entry.name)] : []
  })
}

const withoutCode = (text: string): string =>
  text.replace(/^ *```[\s\S]*?^ *```/gm, '').replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, ' '))

/** The anchors that GitHub gives to the headings of a file. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of withoutCode(text).matchAll(/^#{1,6} +(.+)$/gm)) {
    const anchor = heading
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-')
    let free = anchor
    for (let count = 1; anchors.has(free); count += 1) free = `${anchor}-${count}`
    anchors.add(free)
  }
  return anchors
}

/** The relative links of `text`, a file in `folder`, that lead nowhere. */
function brokenLinks(text: string, folder: string, self: string): string[] {
  const links = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link ?? '').filter((link) => !/^\w+:/.test(link))
  return links.filter((link) => {
    const [path = '', anchor] = link.split('#')
    const file = path === '' ? self : join(folder, path)
    if (!existsSync(file)) return true
    return anchor !== undefined && !anchorsOf(path === '' ? text : readFileSync(file, 'utf8')).has(anchor)
  })
}

const files = markdownFiles(ROOT)

test('every relative link and anchor of the Markdown files leads somewhere', () => {
  assert.ok(files.length > 5)
  const broken = files.flatMap((file) =>
    brokenLinks(readFileSync(file, 'utf8'), dirname(file), file).map((link) => `${relative(ROOT, file)}: ${link}`),
  )
  assert.deepEqual(broken, [])
})

test('a link to a file or heading that is not there is found', () => {
  const text = '# One\n[a](#one) [b](#two) [c](README.md) [d](none.md) [e](https://example.org/x) `[f](none.md)`'
  assert.deepEqual(brokenLinks(text, ROOT, join(ROOT, 'README.md')), ['#two', 'none.md'])
})

test('every spec in the Markdown files is valid', () => {
  const blocks = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/^ *```json\n([\s\S]*?)^ *```/gm)].map(([, json]) => ({
      file: relative(ROOT, file),
      json: json ?? '',
    })),
  )
  const specs = blocks.filter(({ json }) => json.includes('"source"'))
  assert.ok(specs.length > 0)
  for (const { file, json } of specs) {
    const checked = validateSpec(JSON.parse(json))
    assert.ok('spec' in checked, `${file}: ${JSON.stringify(checked)}`)
  }
})
