import type { Command } from 'commander'
import { precheckVerdict } from '../../precheck/precheck-verdict.ts'
import type { ConnectionTestResult } from '../../workflows/test-connection.ts'
import type { PrecheckResult } from '../../workflows/status.ts'
import { shellWord } from '../../workflows/resolve-command.ts'
import type { Cli, CommandContext } from '../cli.ts'
import { EXIT } from '../exit-code.ts'
import type { Outcome } from '../output.ts'
import { runWorkflow } from '../run-workflow.ts'
import { readSpec, STDIN } from '../spec-file.ts'
import type { SpecFile } from '../spec-file.ts'
import { connectionLines, precheckLines } from '../views/check-lines.ts'

/** Looking at catalogues of many thousand objects takes minutes at most. */
const LIMIT_MS = 1_800_000

export function addCheck(program: Command, cli: Cli): void {
  program
    .command('check')
    .description('try both connections and run the precheck; nothing is changed')
    .argument('<spec>', "the spec's file, or - for standard input")
    .option('--all', 'show what passed too')
    .addHelpText(
      'after',
      `
A worker does it, since connections and secrets are its own. Ends with exit code 3 if something was found that would make a migration wait.

Example:
  pgmove check shop.json`,
    )
    .action((file: string, { all }: { all?: boolean }, command: Command) =>
      cli.perform(command, {
        equivalent: async ({ stdin, taskQueue }) => {
          const spec = await readSpec(file, stdin)
          const execute = (type: string) => ['workflow', 'execute', '--task-queue', taskQueue, '--type', type]
          const input = file === STDIN ? ['--input', JSON.stringify(spec.document)] : ['--input-file', file]
          return [
            [...execute('testConnection'), '--input', JSON.stringify(sides(spec))],
            [...execute('precheckMigration'), ...input],
          ]
        },
        work: async (context) => check(context, await readSpec(file, context.stdin), all === true),
      }),
    )
}

function sides({ document }: SpecFile): { source: unknown; target: unknown } {
  return { source: document['source'], target: document['target'] }
}

async function check(context: CommandContext, spec: SpecFile, all: boolean): Promise<Outcome> {
  const { out } = context
  const connections = await runWorkflow<ConnectionTestResult>(context, {
    type: 'testConnection',
    argument: sides(spec),
    summary: 'Try the connections',
    limitMs: LIMIT_MS,
  })
  const reached = connections.source?.status === 'Passed' && connections.target?.status === 'Passed'
  out.print([...connectionLines(connections, all, out), ''])
  if (!reached) {
    const lines = [out.style.bad('A connection does not come about; the precheck was not run.')]
    return { json: { verdict: 'wait', connections, precheck: null }, lines, code: EXIT.waiting }
  }
  const precheck = await runWorkflow<PrecheckResult>(context, {
    type: 'precheckMigration',
    argument: spec.document,
    summary: 'Check both databases',
    limitMs: LIMIT_MS,
  })
  const verdict = precheckVerdict(precheck.items, spec.spec.ignoreWarnings)
  const next =
    verdict === 'go'
      ? [out.style.good('Ready.'), `Start it: pgmove start ${shellWord(spec.path)}`]
      : [out.style.bad('A migration would wait for what was found.'), ...acceptance(precheck)]
  return {
    json: { verdict, connections, precheck },
    lines: [...precheckLines(precheck, { all, ignoreWarnings: spec.spec.ignoreWarnings }, out), '', ...next],
    code: verdict === 'go' ? EXIT.ok : EXIT.waiting,
  }
}

/** What lets a migration go on over warnings; empty where something has failed, which nothing does. */
function acceptance({ items }: PrecheckResult): string[] {
  if (items.some(({ status }) => status === 'Failed')) return []
  const names = items.flatMap(({ name, status }) => (status === 'Warning' ? [name] : []))
  return [`To accept it, put this into the spec: "ignoreWarnings": ${JSON.stringify(names)}`]
}
