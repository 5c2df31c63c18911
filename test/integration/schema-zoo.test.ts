import assert from 'node:assert/strict'
import test from 'node:test'
import { resolveConnection } from '../../src/postgres/resolve-connection.ts'
import type { Database } from '../../src/postgres/connect.ts'
import { sameText } from '../../src/schema/equal-definition.ts'
import { restoreAccess } from '../../src/roles/restore-access.ts'
import { restoreConstraints } from '../../src/schema/restore-constraints.ts'
import { restoreDefinitions } from '../../src/schema/restore-definitions.ts'
import { restoreIndexes } from '../../src/schema/restore-indexes.ts'
import { runPgDump } from '../../src/schema/run-pg-dump.ts'
import { comparableTree } from '../../src/validate/metadata/parse-tree.ts'
import type { TestDatabase } from '../servers.ts'
import { zoo } from '../zoo/zoo.ts'
import { schemaRun } from './schema-run.ts'
import type { SchemaRun } from './schema-run.ts'

interface Definition {
  readonly kind: string
  readonly text: string
}

/** Every definition of a database as pg_dump has it, by kind and name. */
async function definitions(database: Database, { url }: TestDatabase): Promise<Map<string, Definition>> {
  const connection = await resolveConnection({ url }, database.side, {})
  const { signal } = new AbortController()
  const { entries } = await runPgDump({ database, connection, minMajor: 18, excluded: [], applicationName: 'zoo test', signal })
  const found = new Map<string, Definition>()
  for (const { kind, schema, tag, definition } of entries) {
    if (kind === 'DATABASE' || (kind === 'SCHEMA' && tag === 'public')) continue
    // Since 14 the arguments of procedures have their modes.
    const ofProcedure = tag.startsWith('PROCEDURE ')
    const name = `${kind} ${schema ?? '-'} ${ofProcedure ? tag.replaceAll('IN ', '') : tag}`
    const text = ofProcedure ? definition.replaceAll('IN ', '') : definition
    found.set(name, { kind, text: [found.get(name)?.text, text.trim()].filter(Boolean).sort().join('\n') })
  }
  return found
}

function same(a: Definition | undefined, b: Definition | undefined, versions: readonly [number, number]): boolean {
  if (!a || !b) return false
  if (sameText(a.kind, a.text, b.text, versions)) return true
  // The comparison of queries knows views alone.
  const asView = (text: string) => text.replace(/^CREATE MATERIALIZED VIEW/, 'CREATE VIEW').replace(/\n {2}WITH NO DATA(?=;)/, '')
  const statements = [a, b].map(({ text }) =>
    asView(text)
      .split(/;\n(?=ALTER )/)
      .map((part) => comparableTree(part, { datePart: false })),
  )
  return JSON.stringify(statements[0]) === JSON.stringify(statements[1])
}

/** Names of the objects that are on one side only, or differ. */
async function differing({ source, target, from, to }: SchemaRun): Promise<string[]> {
  const [here, there] = [await definitions(source, from), await definitions(target, to)]
  const names = [...new Set([...here.keys(), ...there.keys()])].sort()
  return names.filter((name) => !same(here.get(name), there.get(name), [source.version, target.version]))
}

/** Runs a step that dies after some entries, again and again, until it comes to its end. */
async function dyingRestore({ target, id, signal }: SchemaRun): Promise<number> {
  let deaths = 0
  const stages = [restoreDefinitions, restoreIndexes, restoreConstraints]
  for (const stage of stages) {
    for (let ended = false; !ended;) {
      let reports = 0
      const onProgress = () => {
        if (++reports > 3) throw new Error('killed')
      }
      try {
        await stage({ target, id, signal, onProgress, replicaRole: true, incremental: false })
        ended = true
      } catch (error) {
        assert.equal((error as Error).message, 'killed', String(error))
        deaths++
      }
    }
  }
  await restoreAccess({ target, id, signal })
  return deaths
}

const LEFT = ['EVENT TRIGGER - watch', 'USER MAPPING - USER MAPPING public SERVER elsewhere', 'USER MAPPING - USER MAPPING public SERVER pg'] // prettier-ignore

for (const [from, to, known] of [[10, 18, 10], [13, 17, 13], [18, 18, 18], [18, 13, 13]] as const) {
  test(`${from} to ${to}: every kind of object arrives as it was, and counts as equal when it is there already`, async () => {
    const run = await schemaRun(from, to, zoo(from, { known }))
    await run.dump()
    if (to === 17) assert.ok((await dyingRestore(run)) > 10)
    else await run.restore()
    const acl = from === 18 && to === 13 ? ['ACL - SCHEMA public'] : []
    assert.deepEqual(await differing(run), [...acl, ...LEFT].sort())
    assert.deepEqual(await run.notes('warning'), {})
    const notes = await run.notes('skipped')
    assert.deepEqual(Object.keys(notes), [
      'EVENT TRIGGER "watch"',
      'PUBLICATION "of_users"',
      'order of columns of TABLE "zoo"."adopted"',
      'secrets of USER MAPPING "USER MAPPING public SERVER elsewhere"',
      'secrets of USER MAPPING "USER MAPPING public SERVER pg"',
    ])
    assert.match(notes['EVENT TRIGGER "watch"'] ?? '', /\(CREATE EVENT TRIGGER watch ON ddl_command_end WHEN TAG IN \('CREATE TABLE'\) EXECUTE FUNCTION zoo.on_ddl\(\)\)/)
    assert.match(notes['PUBLICATION "of_users"'] ?? '', /\(it is of zoo.animals\)/)
    assert.doesNotMatch(JSON.stringify(notes), /sesame|secret of the zoo/)

    const again = await run.again()
    await again.dump()
    const stored = await again.to.sql(`select kind || ' ' || name as name from pgmove.entry where id = '${again.id}' and skipped is null`)
    // The comment's own name tells the arguments otherwise in 14 and later.
    const renamed = (from < 14) !== (to < 14) && from > 10 ? [`COMMENT PROCEDURE clean(${from < 14 ? '' : 'IN '}zoo.mood, ${from < 14 ? '' : 'IN '}text)`] : []
    assert.deepEqual(stored.map(({ name }) => name), renamed)
    const secrets = await again.to.sql(`select name from pgmove.entry where definition ~ 'sesame|secret of the zoo'`)
    assert.deepEqual(secrets, [])
  })
} // prettier-ignore
