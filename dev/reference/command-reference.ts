import type { EventEmitter } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import type { Command, Option } from 'commander'
import { Cli } from '../../src/cli/cli.ts'
import { EXIT_MEANINGS } from '../../src/cli/exit-code.ts'
import { program } from '../../src/cli/program.ts'
import { page, table, WRITTEN_BY } from './reference-text.ts'

/** Every command of `pgmove` with its options, and the exit codes. */
export function commandReference(): string {
  const top = pgmove()
  return page(
    'The command pgmove',
    `Written from the definitions that \`pgmove --help\` is made of, ${WRITTEN_BY}.`,
    `## Exit codes\n\n${table(
      ['code', 'meaning'],
      EXIT_MEANINGS.map(([code, meaning]) => [String(code), meaning]),
    )}`,
    `## Options of every command\n\n${optionTable(top)}`,
    ...top.commands.map(section),
  )
}

/** The program as a user has it; it prints nothing. */
export function pgmove(): Command {
  const nowhere = new PassThrough()
  return program(new Cli({ stdin: Readable.from([]), stdout: nowhere, stderr: nowhere, env: {}, onInterrupt: () => () => undefined }))
}

function section(command: Command): string {
  const usage = `\`\`\`text\npgmove ${command.name()} ${command.usage()}\n\`\`\``
  const given = command.registeredArguments.map((argument) => [`\`${argument.name()}\``, argument.description])
  return [
    `## pgmove ${command.name()}`,
    sentence(command.description()),
    usage,
    ...(given.length > 0 ? [table(['argument', 'meaning'], given)] : []),
    ...(command.options.length > 0 ? [optionTable(command)] : []),
    ...textBehind(command),
  ].join('\n\n')
}

function optionTable(command: Command): string {
  return table(
    ['option', 'meaning'],
    command.options.filter(({ hidden }) => !hidden).map((option) => [`\`${option.flags}\``, meaningOf(option)]),
  )
}

function meaningOf({ description, argChoices, defaultValue, mandatory }: Option): string {
  const notes = [
    ...(argChoices ? [`one of ${argChoices.map((choice) => `\`${choice}\``).join(', ')}`] : []),
    ...(defaultValue !== undefined && typeof defaultValue !== 'boolean' ? [`default \`${String(defaultValue)}\``] : []),
    ...(mandatory ? ['required'] : []),
  ]
  return notes.length > 0 ? `${description}; ${notes.join(', ')}` : description
}

/** What `--help` says behind the options: prose as prose, examples as a block. */
function textBehind(command: Command): string[] {
  let text = ''
  // An EventEmitter, which its types don't tell; addHelpText listens.
  const emitter = command as unknown as EventEmitter
  emitter.emit('afterHelp', { error: false, command, write: (more: string) => (text += more) })
  const [prose = '', examples] = text.trim().split(/^Examples?:\n/m)
  const block = examples?.replace(/^ {2}/gm, '').trimEnd()
  return [
    ...(prose.trim() === '' ? [] : [prose.trim().replace(/[<*]/g, '\\$&')]),
    ...(block === undefined ? [] : [`\`\`\`sh\n${block}\n\`\`\``]),
  ]
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
