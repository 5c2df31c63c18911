import { generateKeyPairSync, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** Tag, length and content of ASN.1 DER. */
function der(tag: number, ...content: Uint8Array[]): Buffer {
  const body = Buffer.concat(content)
  const length = body.length < 128 ? [body.length] : body.length < 256 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 255]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}
const sequence = (...content: Uint8Array[]): Buffer => der(0x30, ...content)
const oid = (...bytes: number[]): Buffer => der(0x06, Buffer.from(bytes))
const utcTime = (text: string): Buffer => der(0x17, Buffer.from(text))

const ECDSA_WITH_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))
const COMMON_NAME = oid(0x55, 0x04, 0x03)
const SUBJECT_ALTERNATIVE_NAME = oid(0x55, 0x1d, 0x11)
const BASIC_CONSTRAINTS = oid(0x55, 0x1d, 0x13)
const TRUE = der(0x01, Buffer.from([0xff]))

/** A certificate and its private key, both PEM. */
export interface Certificate {
  readonly certificate: string
  readonly key: string
}

/** Signs certificates for names: those of hosts, or of roles. */
export interface CertificateAuthority {
  readonly certificate: string
  /** @param expired it was valid in 2020 alone */
  issue(name: string, options?: { readonly expired?: boolean }): Certificate
}

const nameOf = (text: string): Buffer => sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(text)))))
const hostExtension = (host: string): Buffer => sequence(SUBJECT_ALTERNATIVE_NAME, der(0x04, sequence(der(0x82, Buffer.from(host)))))
const authorityExtension = sequence(BASIC_CONSTRAINTS, TRUE, der(0x04, sequence(TRUE)))

let serial = 1

interface ToSign {
  readonly subject: string
  readonly issuer: string
  readonly publicKey: KeyObject
  readonly signer: KeyObject
  readonly extension: Buffer
  readonly until: string
}

function signed({ subject, issuer, publicKey, signer, extension, until }: ToSign): string {
  const content = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([serial++])),
    ECDSA_WITH_SHA256,
    nameOf(issuer),
    sequence(utcTime('200101000000Z'), utcTime(until)),
    nameOf(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(extension)),
  )
  const signature = der(0x03, Buffer.from([0]), sign('sha256', content, signer))
  const base64 = sequence(content, ECDSA_WITH_SHA256, signature)
    .toString('base64')
    .replaceAll(/.{64}(?=.)/g, '$&\n')
  return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`
}

const VALID = '491231235959Z'
const EXPIRED = '201231235959Z'
const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }) as string

/** A certificate for `host`, signed with its own key and valid from 2020 to 2049. */
export function selfSignedCertificate(host: string): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const extension = hostExtension(host)
  return {
    certificate: signed({ subject: host, issuer: host, publicKey, signer: privateKey, extension, until: VALID }),
    key: pem(privateKey),
  }
}

/** An authority of its own. */
export function certificateAuthority(name: string): CertificateAuthority {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const root = {
    subject: name,
    issuer: name,
    publicKey: own.publicKey,
    signer: own.privateKey,
    extension: authorityExtension,
    until: VALID,
  }
  return {
    certificate: signed(root),
    issue: (subject, { expired = false } = {}) => {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const extension = hostExtension(subject)
      const until = expired ? EXPIRED : VALID
      return { certificate: signed({ subject, issuer: name, publicKey, signer: own.privateKey, extension, until }), key: pem(privateKey) }
    },
  }
}
