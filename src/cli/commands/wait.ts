import { Option } from 'commander'
import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { waitFor } from '../wait-for.ts'
import type { WaitGoal } from '../wait-for.ts'

export function goalOption(flags: string): Option {
  return new Option(flags, 'end: until it ends (default); undelayed: until a cutover may begin').choices(['end', 'undelayed'])
}

export function addWait(program: Command, cli: Cli): void {
  program
    .command('wait')
    .description('wait until a migration ends, can be cut over, or needs a person')
    .argument('<id>', 'workflow ID of the migration')
    .addOption(goalOption('--until <goal>').default('end'))
    .addHelpText(
      'after',
      `
Ends with exit code 3 when the migration waits for a person. Survives the absence of Temporal and of workers.

Example:
  pgmove wait shop --until undelayed`,
    )
    .action((id: string, { until }: { until: WaitGoal }, command: Command) =>
      cli.perform(command, {
        equivalent: () => [['workflow', 'result', '--workflow-id', id]],
        work: (context) => waitFor(context, id, until),
      }),
    )
}
