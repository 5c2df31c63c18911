import net from 'node:net'
import { endpointsOf, hostLabel, isUnixSocket } from '../postgres/endpoint.ts'
import type { Endpoint } from '../postgres/endpoint.ts'
import type { ResolvedConnection } from '../postgres/resolved-connection.ts'
import { withTimeout } from '../postgres/with-timeout.ts'
import type { Diagnosis } from './diagnosis.ts'

const TIMEOUT_MS = 10_000

/** Looks the hosts' names up and opens a TCP connection to every address. False if no address takes one. */
export async function reachHosts(diagnosis: Diagnosis, resolved: ResolvedConnection, signal: AbortSignal): Promise<boolean> {
  const timeoutMs = resolved.connectTimeoutMs || TIMEOUT_MS
  const endpoints = await lookUp(diagnosis, resolved, timeoutMs, signal)
  if (endpoints.length === 0) return false
  const tried = await Promise.all(endpoints.map((endpoint) => dialed(endpoint, timeoutMs, signal)))
  signal.throwIfAborted()
  const found = tried.map(({ text }) => text).join('; ')
  const refused = tried.filter(({ code }) => code !== undefined)
  const fix = [...new Set(refused.map(({ code }) => advice(code)))].join(' ')
  if (refused.length === 0) diagnosis.passed('tcp', found)
  else if (refused.length < tried.length) diagnosis.warning('tcp', found, fix)
  else diagnosis.failed('tcp', found, fix)
  return refused.length < tried.length
}

async function lookUp(diagnosis: Diagnosis, resolved: ResolvedConnection, timeoutMs: number, signal: AbortSignal): Promise<Endpoint[]> {
  const looked = await Promise.all(
    resolved.hosts.map(async (host) => {
      try {
        const endpoints = await withTimeout(endpointsOf(host), timeoutMs, signal)
        const addresses = endpoints.map(({ address }) => address)
        const same = addresses.length === 1 && addresses[0] === (host.host || host.hostaddr)
        return { endpoints, text: same ? `${hostLabel(host)} needs no look-up` : `${hostLabel(host)} is ${addresses.join(', ')}` }
      } catch (error) {
        signal.throwIfAborted()
        return { endpoints: [], text: `${hostLabel(host)} is not known (${(error as NodeJS.ErrnoException).code ?? 'no answer in time'})` }
      }
    }),
  )
  const endpoints = looked.flatMap((one) => one.endpoints)
  const found = looked.map(({ text }) => text).join('; ')
  const fix = "Correct the host in the URL, or the worker's DNS: `getent hosts NAME` on the worker must print the address."
  if (looked.every((one) => one.endpoints.length > 0)) diagnosis.passed('name_resolution', found)
  else if (endpoints.length > 0) diagnosis.warning('name_resolution', found, fix)
  else diagnosis.failed('name_resolution', found, fix)
  return endpoints
}

interface Dialed {
  readonly text: string
  /** Of the failure. */
  readonly code?: string
}

async function dialed(endpoint: Endpoint, timeoutMs: number, signal: AbortSignal): Promise<Dialed> {
  const { address, host } = endpoint
  const label = isUnixSocket(endpoint) ? hostLabel(host) : `${address} port ${host.port}`
  const began = performance.now()
  const socket = isUnixSocket(endpoint) ? net.connect({ path: `${address}/.s.PGSQL.${host.port}` }) : net.connect(host.port, address)
  try {
    const connected = new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    await withTimeout(connected, timeoutMs, signal)
    return { text: `${label} answers in ${(performance.now() - began).toFixed(1)} ms` }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'ETIMEDOUT'
    return { text: `${label}: ${code}`, code }
  } finally {
    socket.on('error', () => undefined)
    socket.destroy()
  }
}

function advice(code: string | undefined): string {
  switch (code) {
    case 'ECONNREFUSED':
      return `Nothing listens there: start the server, correct the port, or set listen_addresses = '*' in postgresql.conf and restart it.`
    case 'ENOENT':
    case 'EACCES':
      return 'There is no such socket for the worker: correct the directory and the port (unix_socket_directories in postgresql.conf), or use TCP.'
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return "Nothing comes back: open the way from the worker to this address and port in the firewall (RDS: the security group; Cloud SQL: authorized networks; Azure: the server's firewall rules)."
    default:
      return 'Open the way from the worker to this address and port.'
  }
}
