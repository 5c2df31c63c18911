import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { clientProgram } from '../src/postgres/client-program.ts'

const run = promisify(execFile)

/** The lines of pg_dump's definitions that the target lacks, and those that it has beside: read by nothing that pgmove itself compares with. */
export async function definitionDifferences(source: string, target: string): Promise<{ missing: string[]; extra: string[] }> {
  const [wanted, made] = [await dump(source), await dump(target)]
  assert.ok(wanted.length > 20, 'the source has definitions')
  return { missing: lacks(made, wanted), extra: lacks(wanted, made) }
}

/** A dump's lines, without pgmove's own and with what versions print in other words made one. */
async function dump(url: string): Promise<string[]> {
  const { stdout } = await run(
    await clientProgram('pg_dump', 18),
    ['--schema-only', '--exclude-schema', 'pgmove', '--no-publications', '--no-table-access-method', '--dbname', url],
    { maxBuffer: 2 ** 28 },
  )
  const own =
    /^\\(un)?restrict|^--|^\s*$|pgmove_|EXECUTE (FUNCTION|PROCEDURE) pgmove|^\s+WHEN TAG|^SET |REPLICA IDENTITY FULL| SCHEMA public (OWNER|FROM|TO)/
  return stdout
    .split('\n')
    .filter((line) => !own.test(line))
    .map((line) => line.replace('EXECUTE PROCEDURE', 'EXECUTE FUNCTION').replace(/^( +(?:SELECT )?)\w+\.(\w+,?)$/, '$1$2'))
    .map((line) => line.replace(/ CONSTRAINT \w+ NOT NULL/, ' NOT NULL'))
}

/** What a dump has more often than another: versions print in another order. */
function lacks(dump: readonly string[], other: readonly string[]): string[] {
  const rest = [...dump]
  return other.filter((line) => {
    const at = rest.indexOf(line)
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
}
