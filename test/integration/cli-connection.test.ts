// How `pgmove` finds Temporal: the same settings as the Temporal CLI's, against a server with TLS and client certificates.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import test from 'node:test'
import tls from 'node:tls'
import { cli } from '../cli-run.ts'
import { selfSignedCertificate } from '../certificate.ts'
import { atEnd, temporal } from '../servers.ts'

/** A server with TLS in front of the shared one; it demands the certificate that it has itself. Resolves with its address and the files' folder. */
async function behindTls(): Promise<{ address: string; folder: string }> {
  const [host = '', port = ''] = (await temporal()).address.split(':')
  const { certificate, key } = selfSignedCertificate('temporal.test')
  const options = { cert: certificate, key, ca: certificate, requestCert: true, rejectUnauthorized: true, ALPNProtocols: ['h2'] }
  const open = new Set<{ destroy: () => unknown }>()
  const proxy = tls.createServer(options, (client) => {
    const server = net.connect(Number(port), host)
    for (const socket of [client, server]) open.add(socket.on('error', () => undefined).on('close', () => open.delete(socket)))
    client.pipe(server).pipe(client)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-cli-tls-'))
  atEnd(async () => {
    for (const socket of open) socket.destroy()
    await new Promise((resolve) => proxy.close(resolve))
    await rm(folder, { recursive: true, force: true })
  })
  await writeFile(path.join(folder, 'cert.pem'), certificate)
  await writeFile(path.join(folder, 'key.pem'), key)
  return { address: `127.0.0.1:${(proxy.address() as AddressInfo).port}`, folder }
}

test('options, variables and a profile file lead to a server with TLS and client certificates', { timeout: 60_000 }, async () => {
  const { address, folder } = await behindTls()
  const [cert, key] = [path.join(folder, 'cert.pem'), path.join(folder, 'key.pem')]
  const list = ['list', '--limit', '0', '--running', '--json', '--client-connect-timeout', '1s']
  const trusting = ['--tls-ca-path', cert, '--tls-server-name', 'temporal.test']
  const own = ['--tls-cert-path', cert, '--tls-key-path', key]

  const given = await cli([...list, '--address', address, ...trusting, ...own, '--api-key', 'sesame', '--grpc-meta', 'x-team=ops'])
  assert.equal(given.code, 0, given.stderr)
  const env = {
    TEMPORAL_ADDRESS: address,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: cert,
    TEMPORAL_TLS_SERVER_NAME: 'temporal.test',
    TEMPORAL_TLS_CLIENT_CERT_PATH: cert,
    TEMPORAL_TLS_CLIENT_KEY_PATH: key,
  }
  assert.equal((await cli(list, { env })).code, 0)
  const file = path.join(folder, 'temporal.toml')
  await writeFile(
    file,
    `[profile.prod]\naddress = "${address}"\nnamespace = "default"\n[profile.prod.tls]\nserver_ca_cert_path = "${cert}"\nserver_name = "temporal.test"\nclient_cert_path = "${cert}"\nclient_key_path = "${key}"\n`,
  )
  assert.equal((await cli([...list, '--config-file', file, '--profile', 'prod'])).code, 0)
  assert.equal((await cli([...list, '--profile', 'prod'], { env: { TEMPORAL_CONFIG_FILE: file } })).code, 0)
  // The command line wins.
  const elsewhere = await cli([...list, '--config-file', file, '--profile', 'prod', '--namespace', 'nowhere'])
  assert.deepEqual([elsewhere.code, /nowhere/.test(elsewhere.stderr)], [4, true])

  // Without the client's certificate, for another name, and without TLS there is no connection.
  const refused = await Promise.all([
    cli([...list, '--address', address, ...trusting]),
    cli([...list, '--address', address, '--tls-ca-path', cert, '--tls-server-name', 'other.test', ...own]),
    cli([...list, '--address', address]),
  ])
  assert.deepEqual(
    refused.map(({ code }) => code),
    [4, 4, 4],
  )
  const wrong = await cli([...list, '--tls-cert-path', path.join(folder, 'none.pem')])
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /settings for Temporal are wrong: .*none\.pem/)
})
