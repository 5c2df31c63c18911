import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { MigrationError } from '../errors/migration-error.ts'
import type { Side } from '../errors/migration-error.ts'
import type { HonouredParameter } from './connection-parameters.ts'
import type { ResolvedTls, SslMode, TlsVersion } from './resolved-connection.ts'
import { Secret } from './secret.ts'

type Parameters = Readonly<Partial<Record<HonouredParameter, string>>>

/**
 * TLS as libpq's parameters mean it (fe-secure-openssl.c, initialize_SSL): default files under ~/.postgresql; a root
 * certificate that exists is verified against in every mode; `verify-*` without one fails; an `sslcert` that doesn't exist
 * is left out; a key that others may read is refused. Unlike there, an encrypted key is too: pg_dump, which has no variable
 * for a passphrase, would ask for it on a terminal.
 *
 * @throws TlsFileError
 */
export async function resolveTls(parameters: Parameters, home: string, side: Side): Promise<ResolvedTls> {
  const own = (name: string): string => path.join(home, '.postgresql', name)
  const system = parameters.sslrootcert === 'system'
  const mode = (parameters.sslmode ?? (system ? 'verify-full' : 'prefer')) as SslMode
  const off = mode === 'disable'

  const rootFile = parameters.sslrootcert || own('root.crt')
  const roots = off ? undefined : system ? 'system' : await read(rootFile, side)
  if (roots === undefined && mode.startsWith('verify')) {
    const fix = `Give the certificate of the authority that signed the server's as sslrootcert=FILE on every worker, or sslrootcert=system where the worker's system knows it.`
    throw new TlsFileError(side, `The root certificate ${rootFile} does not exist, and sslmode=${mode} needs it.`, fix)
  }
  const certificateFile = parameters.sslcert || own('postgresql.crt')
  const certificate = off || parameters.sslcertmode === 'disable' ? undefined : await read(certificateFile, side)
  const keyFile = parameters.sslkey || own('postgresql.key')
  const key = certificate === undefined ? undefined : await readKey(keyFile, certificateFile, side)
  const revokedFile = parameters.sslcrl || own('root.crl')
  const revoked = off || roots === undefined ? undefined : await read(revokedFile, side)

  return {
    mode,
    direct: parameters.sslnegotiation === 'direct',
    sni: parameters.sslsni !== '0',
    roots,
    certificate,
    key,
    revoked,
    minVersion: (parameters.ssl_min_protocol_version ?? 'TLSv1.2') as TlsVersion,
    maxVersion: (parameters.ssl_max_protocol_version ?? 'TLSv1.3') as TlsVersion,
    channelBinding: (parameters.channel_binding ?? 'prefer') as ResolvedTls['channelBinding'],
    files: {
      ...(roots === undefined ? {} : { root: system ? 'system' : rootFile }),
      ...(certificate === undefined ? {} : { certificate: certificateFile, key: keyFile }),
      ...(revoked === undefined ? {} : { revoked: revokedFile }),
    },
  }
}

async function read(file: string, side: Side): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new TlsFileError(side, `The file ${file} can not be read (${code}).`, 'Let the user that runs the worker read it.')
  }
}

async function readKey(file: string, certificateFile: string, side: Side): Promise<Secret> {
  const text = await read(file, side)
  if (text === undefined) {
    const fix = 'Put it there on every worker, or give its path as sslkey=FILE.'
    throw new TlsFileError(side, `The certificate ${certificateFile} is there, but not its private key ${file}.`, fix)
  }
  const { mode, uid } = await stat(file)
  // As libpq: nobody but the owner; the group may read a key that belongs to root.
  if (process.platform !== 'win32' && (mode & (uid === 0 ? 0o037 : 0o077)) !== 0) {
    throw new TlsFileError(side, `The private key ${file} may be read by others: chmod 600 it.`, `chmod 600 ${file}, on every worker.`)
  }
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: *4, *ENCRYPTED/m.test(text)) {
    const fix = `openssl pkey -in ${file} -out FILE; chmod 600 FILE; and sslkey=FILE in the URL.`
    throw new TlsFileError(side, `The private key ${file} is encrypted, and pgmove takes no passphrase (sslpassword).`, fix)
  }
  return new Secret(text)
}

/** A file that TLS needs is missing, closed or can't be used. `hint` says what to do. */
export class TlsFileError extends MigrationError {
  constructor(side: Side, text: string, hint: string) {
    super('AuthenticationFailed', `On the ${side}: ${text} Nothing was sent; correct it on the machine of the worker.`, { side, hint })
  }
}
