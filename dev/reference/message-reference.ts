import { MESSAGES, STATUS_DESCRIPTION } from '../../src/workflows/message-catalogue.ts'
import type { MessageMeaning } from '../../src/workflows/message-catalogue.ts'
import { page, WRITTEN_BY } from './reference-text.ts'

/** Every signal, update and query of a migration. */
export function messageReference(): string {
  return page(
    'Signals, updates and queries',
    `What a running \`migrateDatabase\` takes. Written from the catalogue that its handlers are described by, ${WRITTEN_BY}.`,
    'Every signal exists as an update of the same name, with the same argument. An update answers at once, and is rejected with the reason where that is not possible. A signal that has no effect is noted in `status.errors`, as `NotNow` or `InvalidArgument`.',
    ...Object.entries(MESSAGES).map(([name, message]) => section(name, message)),
    `## The query status\n\n${STATUS_DESCRIPTION} [Every field](status.md).\n\n${shell('temporal workflow query --workflow-id shop --type status')}`,
    `## Cancel\n\nTemporal's cancel stops the migration within seconds: everything is removed from the source, and the target keeps its data. A termination removes nothing; the clean-up does so later.\n\n${shell('temporal workflow cancel --workflow-id shop')}`,
  )
}

function section(name: string, { description, argument, example, answer }: MessageMeaning): string {
  const input = example === undefined ? '' : ` --input '${example}'`
  return [
    `## ${name}`,
    description.includes('{') ? description.replace(/\{.*\}/, '`$&`') : description,
    `Argument: ${argument ?? 'none.'}`,
    ...(answer === undefined ? [] : [`The update answers: ${answer}`]),
    shell(
      `temporal workflow signal --workflow-id shop --name ${name}${input}`,
      `temporal workflow update execute --workflow-id shop --name ${name}${input}`,
    ),
  ].join('\n\n')
}

function shell(...commands: string[]): string {
  return `\`\`\`sh\n${commands.join('\n')}\n\`\`\``
}
