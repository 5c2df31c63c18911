import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { PostgresServer } from '../dev/postgres-server.ts'
import { unprivilegedUser } from '../dev/unprivileged-user.ts'
import { certificateAuthority } from './certificate.ts'
import type { Certificate, CertificateAuthority } from './certificate.ts'
import { atEnd, ownServer } from './servers.ts'

/** A server with TLS, whose certificate is for `localhost` and signed by an authority that signs clients' certificates too. */
export interface TlsServer {
  readonly server: PostgresServer
  readonly authority: CertificateAuthority
  /** The path of a file beside the server's; `root.crt` is the authority's certificate. */
  file: (name: string) => string
  /** Writes `NAME.crt` and `NAME.key`. */
  writeCertificate: (name: string, certificate: Certificate) => Promise<void>
  /** A URL that verifies the server in full and shows it a certificate of the role, which is made. */
  verifiedUrl: (database: string, role: string) => Promise<string>
}

/** @param hba the lines of pg_hba.conf behind one that lets `postgres` in from this machine */
export async function tlsServer(major: number, hba: string): Promise<TlsServer> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-tls-'))
  atEnd(() => rm(folder, { recursive: true, force: true }))
  await chmod(folder, 0o755)
  const file = (name: string): string => path.join(folder, name)
  const writeCertificate: TlsServer['writeCertificate'] = async (name, { certificate, key }) => {
    await writeFile(file(`${name}.crt`), certificate)
    await writeFile(file(`${name}.key`), key, { mode: 0o600 })
  }
  const authority = certificateAuthority(`authority of ${major}`)
  await writeFile(file('root.crt'), authority.certificate)
  await writeCertificate('server', authority.issue('localhost'))
  const { uid, gid } = unprivilegedUser()
  if (uid !== undefined && gid !== undefined) await chown(file('server.key'), uid, gid)
  await writeFile(file('hba'), `host all postgres all trust\n${hba}`)
  const files = {
    hba_file: file('hba'),
    ssl_ca_file: file('root.crt'),
    ssl_cert_file: file('server.crt'),
    ssl_key_file: file('server.key'),
  }
  const server = await ownServer(major, { settings: { ssl: 'on', ...files } })
  return {
    server,
    authority,
    file,
    writeCertificate,
    verifiedUrl: async (database, role) => {
      await writeCertificate(role, authority.issue(role))
      const parameters = {
        sslmode: 'verify-full',
        sslrootcert: file('root.crt'),
        sslcert: file(`${role}.crt`),
        sslkey: file(`${role}.key`),
      }
      return `postgres://${role}@localhost:${server.port}/${database}?${new URLSearchParams(parameters).toString()}`
    },
  }
}
