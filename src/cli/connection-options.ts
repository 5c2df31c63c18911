import { Option } from 'commander'
import type { Command } from 'commander'
import { repeated } from './repeated.ts'

/** Where Temporal is, as the command line says it; what it doesn't say comes from TEMPORAL_* variables and the profile file. */
export interface ConnectionOptions {
  readonly address?: string
  readonly namespace?: string
  readonly profile?: string
  readonly configFile?: string
  readonly apiKey?: string
  readonly tls?: boolean
  readonly tlsCertPath?: string
  readonly tlsKeyPath?: string
  readonly tlsCaPath?: string
  readonly tlsServerName?: string
  readonly grpcMeta?: readonly string[]
  readonly clientConnectTimeout?: string
}

/** By their names, and what they mean: exactly as the Temporal CLI has them. */
const OPTIONS: readonly (readonly [keyof ConnectionOptions, string, string])[] = [
  ['address', '--address <host:port>', "Temporal's address (default: TEMPORAL_ADDRESS, the profile, or localhost:7233)"],
  ['namespace', '--namespace <name>', "Temporal's namespace (default: TEMPORAL_NAMESPACE, the profile, or default)"],
  ['profile', '--profile <name>', "profile of the Temporal CLI's configuration file"],
  ['configFile', '--config-file <path>', "the Temporal CLI's configuration file"],
  ['apiKey', '--api-key <key>', 'API key; better in TEMPORAL_API_KEY, where no other user of this machine sees it'],
  ['tls', '--tls', 'connect with TLS'],
  ['tlsCertPath', '--tls-cert-path <path>', 'client certificate'],
  ['tlsKeyPath', '--tls-key-path <path>', 'key of the client certificate'],
  ['tlsCaPath', '--tls-ca-path <path>', "the server's certificate authority"],
  ['tlsServerName', '--tls-server-name <name>', "name that the server's certificate must have"],
  ['grpcMeta', '--grpc-meta <key=value>', 'a header of every request; may be given several times'],
  ['clientConnectTimeout', '--client-connect-timeout <duration>', 'how long to wait for the connection (default: 5s)'],
]

export function addConnectionOptions(program: Command): void {
  for (const [, flags, description] of OPTIONS) {
    const option = new Option(flags, description).helpGroup('Temporal:')
    if (flags.startsWith('--grpc-meta')) option.argParser(repeated)
    program.addOption(option)
  }
}

/** The same as arguments of the Temporal CLI. An API key stands there as the variable that is to hold it. */
export function temporalFlags(options: ConnectionOptions): ShellWord[] {
  return OPTIONS.flatMap(([key, flags]): ShellWord[] => {
    const value = options[key]
    const flag = flags.split(' ')[0] ?? ''
    if (value === undefined) return []
    if (key === 'apiKey') return [flag, { shell: '"$TEMPORAL_API_KEY"' }]
    if (typeof value === 'boolean') return value ? [flag] : []
    return (typeof value === 'string' ? [value] : value).flatMap((one) => [flag, one])
  })
}

/** An argument, to be quoted where need be; or a word that the shell is to read as it stands. */
export type ShellWord = string | { readonly shell: string }
