import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { Payload, PayloadCodec } from '@temporalio/common'
import proto from '@temporalio/proto'
import type { PayloadKeys } from './payload-keys.ts'

const { Payload: ProtobufPayload } = proto.temporal.api.common.v1
const ENCODING = 'binary/encrypted'
const CIPHER = 'aes-256-gcm'
/** As NIST SP 800-38D recommends for random ones. */
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Encrypts payloads with AES-256-GCM before they leave the process. In the form of Temporal's own samples: `encoding` is `binary/encrypted`, `encryption-key-id`
 * names the key, the data is nonce, ciphertext and tag of the whole payload as protobuf. What is not encrypted is taken as it is, so that a
 * signal sent without keys still arrives.
 */
export class EncryptionCodec implements PayloadCodec {
  readonly #keys: PayloadKeys

  constructor(keys: PayloadKeys) {
    this.#keys = keys
  }

  async encode(payloads: Payload[]): Promise<Payload[]> {
    const [first] = this.#keys
    if (!first) throw new Error('there is no key to encrypt with')
    const [id, key] = first
    return payloads.map((payload) => {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(CIPHER, key, nonce)
      const plain = ProtobufPayload.encode(payload).finish()
      const data = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
      return { metadata: { encoding: Buffer.from(ENCODING), 'encryption-key-id': Buffer.from(id) }, data }
    })
  }

  /** Throws an Error if the key is not there, or the payload was changed on its way. */
  async decode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => {
      if (Buffer.from(payload.metadata?.['encoding'] ?? []).toString() !== ENCODING) return payload
      const id = Buffer.from(payload.metadata?.['encryption-key-id'] ?? []).toString()
      const key = this.#keys.get(id)
      if (!key) throw new Error(`A payload is encrypted with the key ${JSON.stringify(id)}, which is not among those given.`)
      return ProtobufPayload.decode(decrypt(Buffer.from(payload.data ?? []), key, id))
    })
  }
}

function decrypt(data: Buffer, key: Buffer, id: string): Buffer {
  try {
    const decipher = createDecipheriv(CIPHER, key, data.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    decipher.setAuthTag(data.subarray(-TAG_BYTES))
    return Buffer.concat([decipher.update(data.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()])
  } catch (error) {
    throw new Error(`A payload can't be decrypted with the key ${JSON.stringify(id)}: it is another key, or the payload was changed.`, {
      cause: error,
    })
  }
}
