/** A history as `temporal workflow show --output json` prints it, as far as tests look at it. */
export interface JsonHistory {
  readonly events: readonly JsonEvent[]
}

export interface JsonEvent {
  readonly eventId: string
  readonly eventType: string
  readonly eventTime: string
  readonly userMetadata?: { readonly summary?: JsonPayload }
  readonly activityTaskScheduledEventAttributes?: { readonly activityType: { name: string }; readonly activityId: string }
}

interface JsonPayload {
  readonly metadata: { readonly encoding: string }
  readonly data?: string
}

export interface DecodedPayload {
  readonly event: string
  readonly encoding: string
  readonly text: string
}

/** Every payload of a history, decoded, wherever in its events it stands. */
export function payloadsOf(history: JsonHistory): DecodedPayload[] {
  return history.events.flatMap((event) =>
    payloadsIn(event).map(({ metadata, data }) => ({
      event: `${event.eventId} ${event.eventType}`,
      encoding: decode(metadata.encoding),
      text: decode(data ?? ''),
    })),
  )
}

/** A history as text in which nothing is hidden by base64. */
export function textOf(history: JsonHistory): string {
  return [JSON.stringify(history), ...payloadsOf(history).map(({ text }) => text)].join('\n')
}

function payloadsIn(value: unknown): JsonPayload[] {
  if (Array.isArray(value)) return value.flatMap(payloadsIn)
  if (typeof value !== 'object' || value === null) return []
  return isPayload(value) ? [value] : Object.values(value).flatMap(payloadsIn)
}

function isPayload(value: object): value is JsonPayload {
  const { metadata } = value as { metadata?: { encoding?: unknown } }
  return typeof metadata?.encoding === 'string'
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8')
}
