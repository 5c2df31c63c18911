import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { usageError } from '../cli-error.ts'

const LISTEN = '127.0.0.1:8888'
const WEB_UI = 'http://localhost:8233'

export function addCodecServer(program: Command, cli: Cli): void {
  program
    .command('codec-server')
    .description("decrypt payloads for Temporal's Web UI and CLI, until SIGTERM or Ctrl-C")
    .option('--listen <host:port>', 'where to listen; port 0 takes a free one', LISTEN)
    .option('--origin <url>', 'a Web UI whose pages may ask; may be given several times', collect)
    .addHelpText(
      'after',
      `
Its keys are those of the workers, in the file that PGMOVE_PAYLOAD_KEYS_FILE names. It knows no users: whoever reaches it can read what is encrypted, so
let it listen on this machine alone, or put a proxy with TLS and a login before it. Without --origin pages of ${WEB_UI} may ask.

Example:
  PGMOVE_PAYLOAD_KEYS_FILE=/run/secrets/payload-keys pgmove codec-server
  temporal workflow show --workflow-id shop --codec-endpoint http://${LISTEN}`,
    )
    .action(({ listen, origin }: { listen: string; origin?: readonly string[] }, command: Command) =>
      cli.perform(command, {
        work: async ({ env, out, interruptible }) => {
          const [{ EncryptionCodec }, { codecServer }, { KEYS_VARIABLE, readPayloadKeys }] = await Promise.all([
            import('../../encryption/encryption-codec.ts'),
            import('../../encryption/codec-server.ts'),
            import('../../encryption/payload-keys.ts'),
          ])
          const [, host, port] = /^(.+):(\d{1,5})$/.exec(listen) ?? []
          if (host === undefined || Number(port) > 65_535)
            throw usageError(`--listen is "${listen}", but must be host:port, such as ${LISTEN}.`)
          const keys = await readPayloadKeys(env).catch((error: Error) => {
            throw usageError(error.message)
          })
          if (!keys) throw usageError(`There are no keys: ${KEYS_VARIABLE} must name the file that the workers have.`)
          const server = codecServer({ codec: new EncryptionCodec(keys), origins: origin ?? [WEB_UI] })
          server.listen(Number(port), host.replace(/^\[(.*)\]$/, '$1'))
          await once(server, 'listening')
          const url = `http://${host}:${(server.address() as AddressInfo).port}`
          out.notice(`Listening on ${url}, with ${keys.size} ${keys.size === 1 ? 'key' : 'keys'}.`)
          await interruptible(async (signal) => {
            if (!signal.aborted) await once(signal, 'abort')
          })
          server.close()
          server.closeAllConnections()
          return { json: { url } }
        },
      }),
    )
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value.replace(/\/$/, '')]
}
