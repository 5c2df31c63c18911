import type { Client } from '@temporalio/client'
import type { Payload } from '@temporalio/common'
import type { ActivityReport, Status } from '../workflows/status.ts'
import type { Outages } from './activity-run.ts'

const ANSWER_MS = 2_000

/** An activity's way to the workflow that called it. */
export class WorkflowLink {
  readonly #client: Client
  readonly #namespace: string
  readonly #workflowId: string

  constructor(client: Client, namespace: string, workflowId: string) {
    this.#client = client
    this.#namespace = namespace
    this.#workflowId = workflowId
  }

  /** The answer of the query `status`; fails if there is none within 2 s. */
  status(): Promise<Status> {
    const handle = this.#client.workflow.getHandle(this.#workflowId)
    return this.#client.withDeadline(Date.now() + ANSWER_MS, () => handle.query<Status>('status'))
  }

  /** Sends the signal `report`. Of several with the same `requestId` Temporal takes the first. */
  async report(report: ActivityReport, requestId: string): Promise<void> {
    // Not by the handle, whose signals have a random request ID each.
    await this.#client.workflowService.signalWorkflowExecution({
      namespace: this.#namespace,
      workflowExecution: { workflowId: this.#workflowId },
      signalName: 'report',
      input: { payloads: await this.#encode(report) },
      identity: this.#client.options.identity,
      requestId,
    })
  }

  /** The outages that the workflow's pending activities remember, by their last heartbeats. */
  async pendingOutages(): Promise<Outages[]> {
    const { raw } = await this.#client.workflow.getHandle(this.#workflowId).describe()
    const details = await Promise.all(
      (raw.pendingActivities ?? []).map(({ heartbeatDetails }) => this.#decode(heartbeatDetails?.payloads ?? [])),
    )
    return details.map((one) => (one as { outages?: Outages } | null | undefined)?.outages ?? {})
  }

  /** How many workers have taken up the workflow's pending activities. */
  async workers(): Promise<number> {
    const { raw } = await this.#client.withDeadline(Date.now() + ANSWER_MS, () =>
      this.#client.workflow.getHandle(this.#workflowId).describe(),
    )
    return new Set((raw.pendingActivities ?? []).flatMap(({ lastWorkerIdentity }) => lastWorkerIdentity || [])).size
  }

  async #encode(value: unknown): Promise<Payload[]> {
    const { payloadConverter, payloadCodecs } = this.#client.options.loadedDataConverter
    let payloads = [payloadConverter.toPayload(value)]
    for (const codec of payloadCodecs) payloads = await codec.encode(payloads)
    return payloads
  }

  async #decode(encoded: Payload[]): Promise<unknown> {
    const { payloadConverter, payloadCodecs } = this.#client.options.loadedDataConverter
    let payloads = encoded
    for (const codec of [...payloadCodecs].reverse()) payloads = await codec.decode(payloads)
    return payloads[0] && payloadConverter.fromPayload(payloads[0])
  }
}
