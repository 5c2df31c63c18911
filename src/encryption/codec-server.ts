import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import proto from '@temporalio/proto'
import type { temporal } from '@temporalio/proto'
import type { PayloadCodec } from '@temporalio/common'

/** A history's page is a few megabytes. */
const BODY_LIMIT = 64 * 1024 * 1024
const PREFLIGHT_S = '600'

type Payloads = temporal.api.common.v1.IPayloads
const { Payloads } = proto.temporal.api.common.v1

export interface CodecServerOptions {
  readonly codec: PayloadCodec
  /** Web UIs that may ask from a browser, each as `scheme://host[:port]`. */
  readonly origins: readonly string[]
}

/**
 * Temporal's codec server (docs.temporal.io/codec-server): POST of `{"payloads": […]}` to a path that ends in `/encode` or `/decode`; both sides
 * are protobuf's JSON, whose bytes are base64. Does not listen yet. It knows no users: whoever reaches it can read payloads.
 */
export function codecServer({ codec, origins }: CodecServerOptions): Server {
  return createServer((request, response) => {
    allowOrigin(request, response, origins)
    answer(request, codec).then(
      ({ status, body }) => response.writeHead(status, { 'content-type': 'application/json' }).end(body),
      (error: unknown) => {
        const [status, message] = error instanceof Refused ? [error.status, error.message] : [400, (error as Error).message]
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ message }))
        request.resume()
      },
    )
  })
}

class Refused extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

function allowOrigin(request: IncomingMessage, response: ServerResponse, origins: readonly string[]): void {
  const { origin } = request.headers
  response.setHeader('vary', 'origin')
  if (origin === undefined || !origins.includes(origin)) return
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('access-control-allow-credentials', 'true')
  response.setHeader('access-control-allow-methods', 'POST, OPTIONS')
  response.setHeader('access-control-allow-headers', 'authorization, content-type, x-namespace')
  response.setHeader('access-control-max-age', PREFLIGHT_S)
}

async function answer(request: IncomingMessage, codec: PayloadCodec): Promise<{ status: number; body?: string }> {
  const direction = /\/(encode|decode)$/.exec(new URL(request.url ?? '/', 'http://codec').pathname)?.[1]
  if (direction === undefined) throw new Refused(404, 'There are /encode and /decode.')
  if (request.method === 'OPTIONS') return { status: 204 }
  if (request.method !== 'POST') throw new Refused(405, 'Only POST is answered.')
  const { payloads } = Payloads.fromObject(JSON.parse(await bodyOf(request)) as object)
  const done: Payloads = { payloads: direction === 'encode' ? await codec.encode(payloads) : await codec.decode(payloads) }
  return { status: 200, body: JSON.stringify(Payloads.toObject(Payloads.fromObject(done), { bytes: String })) }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > BODY_LIMIT) throw new Refused(413, `The body is longer than ${BODY_LIMIT} bytes.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
