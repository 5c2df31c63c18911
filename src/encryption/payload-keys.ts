import { readFile } from 'node:fs/promises'

/** Names the file with the keys that encrypt what Temporal stores. */
export const KEYS_VARIABLE = 'PGMOVE_PAYLOAD_KEYS_FILE'

/** Keys by their IDs, in the order of the file: the first one encrypts, all of them decrypt. */
export type PayloadKeys = ReadonlyMap<string, Buffer>

const KEY_BYTES = 32
const FORM = `a line "ID:KEY" for each key: an ID of letters, digits, ".", "_" and "-", and ${KEY_BYTES} bytes in base64 (openssl rand -base64 ${KEY_BYTES})`

/**
 * The keys of the file that PGMOVE_PAYLOAD_KEYS_FILE names; undefined if it names none: then payloads are stored as they are.
 *
 * @throws Error that says what is wrong with the variable or the file, and never quotes a key
 */
export async function readPayloadKeys(env: NodeJS.ProcessEnv): Promise<PayloadKeys | undefined> {
  const file = env[KEYS_VARIABLE]
  if (!file) return undefined
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${KEYS_VARIABLE} names ${file}, which can't be read (${error.code ?? 'unknown'}). Expected: a file with ${FORM}.`)
  })
  try {
    return parsePayloadKeys(text)
  } catch (error) {
    throw new Error(`${KEYS_VARIABLE} names ${file}: ${(error as Error).message}`, { cause: error })
  }
}

/** Keys as a file has them: empty lines and those that begin with # say nothing. Throws an Error that names the line. */
export function parsePayloadKeys(text: string): PayloadKeys {
  const keys = new Map<string, Buffer>()
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [, id, encoded] = /^([\w.-]+):([A-Za-z0-9+/]+={0,2})\s*$/.exec(line) ?? []
    const key = Buffer.from(encoded ?? '', 'base64')
    if (id === undefined) throw new Error(`line ${i + 1} is no key. Expected: ${FORM}.`)
    if (key.length !== KEY_BYTES) throw new Error(`the key ${id} in line ${i + 1} has ${key.length} bytes. Expected: ${FORM}.`)
    if (keys.has(id)) throw new Error(`line ${i + 1} has the ID ${id} a second time. Expected: an ID for each key.`)
    keys.set(id, key)
  }
  if (keys.size === 0) throw new Error(`it holds no key. Expected: ${FORM}.`)
  return keys
}
