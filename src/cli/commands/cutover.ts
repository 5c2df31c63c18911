import { Option } from 'commander'
import type { Command } from 'commander'
import { validateSpec } from '../../spec/validate-spec.ts'
import type { Fence, MigrationSpec } from '../../spec/migration-spec.ts'
import { shellWord } from '../../workflows/resolve-command.ts'
import type { Status } from '../../workflows/status.ts'
import type { Cli } from '../cli.ts'
import { EXIT } from '../exit-code.ts'
import { followCutover } from '../follow-cutover.ts'
import { demandOpen, findMigration, queryStatus, sendUpdate } from '../migration.ts'
import type { Output } from '../output.ts'
import { startArgument } from '../start-argument.ts'
import { updateWords } from '../temporal-command.ts'
import { beforeCutoverLines } from '../views/cutover-lines.ts'

interface CutoverOptions {
  readonly fence?: Fence
  readonly yes?: boolean
  readonly wait: boolean
}

export function addCutover(program: Command, cli: Cli): void {
  program
    .command('cutover')
    .description('end the migration: drain, check, switch the target on')
    .argument('<id>', 'workflow ID of the migration')
    .addOption(
      new Option('--fence <fence>', 'readOnly: the source becomes read-only; none: you stop the writes (default: as in the spec)').choices([
        'none',
        'readOnly',
      ]),
    )
    .option('--yes', 'do not ask')
    .option('--no-wait', 'do not wait for its end')
    .addHelpText(
      'after',
      `
Shows what remains, asks, and waits for the end. Sent early, the cutover is kept until replication is undelayed. Ctrl-C ends only the waiting;
pgmove abort-cutover gives the cutover up.

Examples:
  pgmove cutover shop
  pgmove cutover shop --fence readOnly --yes --json`,
    )
    .action((id: string, options: CutoverOptions, command: Command) => {
      const argument = options.fence === undefined ? undefined : { fence: options.fence }
      return cli.perform(command, {
        equivalent: () => [updateWords(id, 'cutover', argument)],
        work: async (context) => {
          const temporal = await context.temporal()
          const facts = await findMigration(temporal, id)
          demandOpen(facts)
          const before = await queryStatus(temporal, facts)
          if (!options.yes) {
            const checked = validateSpec(await startArgument(temporal, facts))
            ask(context.out, id, before, 'spec' in checked ? checked.spec : undefined, options.fence)
          }
          if (!(await context.confirm(`Cut ${id} over now?`, options.yes === true))) {
            return { json: { workflowId: id, sent: null }, lines: ['Nothing was sent.'], code: EXIT.failed }
          }
          const answer = await sendUpdate<{ remainingBytes: string | null; undelayed: boolean }>(temporal, facts, 'cutover', argument)
          if (options.wait) return followCutover(context, facts, before)
          const lines = [`The cutover of ${id} was asked for. Watch it: pgmove status ${shellWord(id)} --watch`]
          return { json: { workflowId: id, sent: 'cutover', ...answer }, lines }
        },
      })
    })
}

function ask(out: Output, id: string, before: Status, spec: MigrationSpec | undefined, fence: Fence | undefined): void {
  out.notice(beforeCutoverLines(id, before, { fence: fence ?? spec?.cutover.fence, validate: spec?.cutover.validate }).join('\n'))
}
