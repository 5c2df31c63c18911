import type { Command } from 'commander'
import { cleanUpScheduleId, ensureCleanUpSchedule } from '../../clean-up/clean-up-schedule.ts'
import type { Cli } from '../cli.ts'
import { registerSearchAttributes, searchAttributeFlags } from '../search-attributes.ts'

export function addSetup(program: Command, cli: Cli): void {
  program
    .command('setup')
    .description('prepare a namespace: the schedule of the clean-up, and the search attributes of migrations')
    .addHelpText(
      'after',
      '\nMigrations work without it. What is there already stays as it is. Migrations that begin afterwards set PgmovePhase, PgmoveState, PgmoveSource,\nPgmoveTarget and PgmoveLag, so that they can be found by them.\n\nExample:\n  pgmove setup --namespace production',
    )
    .action((_options: unknown, command: Command) =>
      cli.perform(command, {
        equivalent: ({ taskQueue }) => {
          const scheduleId = cleanUpScheduleId(taskQueue)
          const when = ['--interval', '90m', '--jitter', '5m', '--catchup-window', '1m', '--overlap-policy', 'Skip']
          const what = ['--workflow-id', scheduleId, '--type', 'cleanUpSlots', '--task-queue', taskQueue, '--input', '{}']
          return [
            ['schedule', 'create', '--schedule-id', scheduleId, ...when, ...what],
            ['operator', 'search-attribute', 'create', ...searchAttributeFlags()],
          ]
        },
        work: async ({ temporal, taskQueue }) => {
          const connection = await temporal()
          const { client, namespace } = connection
          const scheduleId = cleanUpScheduleId(taskQueue)
          const created = await ensureCleanUpSchedule(client, taskQueue)
          const line = created
            ? `The schedule ${scheduleId} was made: it cleans up every 90 minutes.`
            : `The schedule ${scheduleId} was there.`
          const registered = await registerSearchAttributes(connection)
          const attributes =
            registered.length > 0 ? `Search attributes were registered: ${registered.join(', ')}.` : 'The search attributes were there.'
          return { json: { namespace, schedule: { id: scheduleId, created }, searchAttributes: { registered } }, lines: [line, attributes] }
        },
      }),
    )
}
