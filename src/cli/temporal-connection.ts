import { readFileSync } from 'node:fs'
import type { Client } from '@temporalio/client'
import type { ClientConfigProfile, ClientConfigTLS, loadClientConfigProfile } from '@temporalio/envconfig'
import { DURATION_FORM, parseDuration } from '../spec/duration.ts'
import { CliError, usageError } from './cli-error.ts'
import type { ConnectionOptions } from './connection-options.ts'
import { EXIT } from './exit-code.ts'

/** A connection to Temporal. */
export interface Temporal {
  readonly client: Client
  readonly namespace: string
  readonly address: string
  close(): Promise<void>
}

const CONNECT_TIMEOUT = '5s'

/**
 * Connects as the Temporal CLI would: by the profile file, TEMPORAL_* variables, and what the command line says.
 *
 * @throws CliError if the settings are wrong, or Temporal does not answer
 */
export async function connectTemporal(options: ConnectionOptions, env: NodeJS.ProcessEnv): Promise<Temporal> {
  // Only here: they take half a second to load, which a mistyped command should not wait for.
  const [{ Client, Connection }, envconfig] = await Promise.all([import('@temporalio/client'), import('@temporalio/envconfig')])
  const settings = (() => {
    try {
      return envconfig.toClientOptions(profileOf(options, env, envconfig.loadClientConfigProfile))
    } catch (error) {
      throw usageError(`The settings for Temporal are wrong: ${reasonOf(error)}`)
    }
  })()
  const { dataConverterOf } = await import('../encryption/data-converter.ts')
  const converter = await dataConverterOf(env).catch((error: Error) => {
    throw usageError(error.message)
  })
  const connectTimeout = connectMs(options.clientConnectTimeout ?? CONNECT_TIMEOUT)
  const namespace = settings.namespace ?? 'default'
  const address = settings.connectionOptions.address ?? 'localhost:7233'
  try {
    const { tls, apiKey, metadata } = settings.connectionOptions
    const connection = await Connection.connect({
      address,
      connectTimeout,
      ...(tls !== undefined && tls !== null && { tls }),
      ...(apiKey !== undefined && { apiKey }),
      ...(metadata && { metadata }),
    })
    return { client: new Client({ connection, namespace, ...converter }), namespace, address, close: () => connection.close() }
  } catch (error) {
    throw new CliError(
      EXIT.unreachable,
      'TemporalUnreachable',
      `Temporal can't be reached at ${address}: ${reasonOf(error)}\nIs it running? --address or TEMPORAL_ADDRESS says where; to try pgmove: temporal server start-dev`,
      { cause: error },
    )
  }
}

function connectMs(text: string): number {
  const connectTimeout = parseDuration(text)
  if (!connectTimeout) throw usageError(`--client-connect-timeout is "${text}", but must be ${DURATION_FORM}.`)
  return connectTimeout
}

function profileOf(options: ConnectionOptions, env: NodeJS.ProcessEnv, load: typeof loadClientConfigProfile): ClientConfigProfile {
  const profile = load({
    ...(options.profile !== undefined && { profile: options.profile }),
    ...(options.configFile !== undefined && { configSource: { path: options.configFile } }),
    overrideEnvVars: Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
  })
  const grpcMeta = { ...profile.grpcMeta, ...Object.fromEntries((options.grpcMeta ?? []).map(header)) }
  const tls = tlsOf(options, profile.tls)
  return {
    ...profile,
    ...(options.address !== undefined && { address: options.address }),
    ...(options.namespace !== undefined && { namespace: options.namespace }),
    ...(options.apiKey !== undefined && { apiKey: options.apiKey }),
    ...(Object.keys(grpcMeta).length > 0 && { grpcMeta }),
    ...(tls && { tls }),
  }
}

function tlsOf({ tls, tlsCertPath, tlsKeyPath, tlsCaPath, tlsServerName }: ConnectionOptions, before: ClientConfigTLS | undefined) {
  if (!tls && !tlsCertPath && !tlsKeyPath && !tlsCaPath && tlsServerName === undefined) return before
  return {
    ...before,
    disabled: false,
    ...(tlsCertPath !== undefined && { clientCert: file(tlsCertPath) }),
    ...(tlsKeyPath !== undefined && { clientKey: file(tlsKeyPath) }),
    ...(tlsCaPath !== undefined && { serverCACert: file(tlsCaPath) }),
    ...(tlsServerName !== undefined && { serverName: tlsServerName }),
  }
}

function file(path: string): { data: Buffer } {
  return { data: readFileSync(path) }
}

function header(text: string): [string, string] {
  const [name, ...value] = text.split('=')
  if (!name || value.length === 0) throw new Error('--grpc-meta expects KEY=VALUE')
  return [name, value.join('=')]
}

/** What a failed request says in one line. */
export function reasonOf(error: unknown): string {
  const details = (error as { details?: unknown }).details
  if (typeof details === 'string' && details !== '') return details
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof Error && typeof (cause as { details?: unknown }).details === 'string') return reasonOf(cause)
  return error instanceof Error ? error.message : String(error)
}
