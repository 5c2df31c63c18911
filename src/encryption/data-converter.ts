import type { DataConverter } from '@temporalio/common'
import { EncryptionCodec } from './encryption-codec.ts'
import { readPayloadKeys } from './payload-keys.ts'

/** How clients and workers write and read payloads, by their environment. Throws as readPayloadKeys does. */
export async function dataConverterOf(env: NodeJS.ProcessEnv): Promise<{ dataConverter?: DataConverter }> {
  const keys = await readPayloadKeys(env)
  return keys ? { dataConverter: { payloadCodecs: [new EncryptionCodec(keys)] } } : {}
}
