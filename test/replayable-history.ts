import { createRequire } from 'node:module'
import type { JsonHistory } from './history-payloads.ts'

interface ProtoJson {
  readonly fromJson: (type: unknown, json: unknown, options: { ignoreUnknownFields: boolean }) => unknown
}

/**
 * A recorded history as Worker.runReplayHistories takes it. It takes the JSON too, but converts it by the copy of protobufjs that
 * belongs to @temporalio/common, and refuses ("type must be a Type") what another copy made. npm installs a copy for each package
 * of the SDK when a dependency needs an older one; so this uses the copy of @temporalio/proto, which made the types.
 */
export function replayableHistory(json: JsonHistory): unknown {
  const common = createRequire(createRequire(import.meta.url).resolve('@temporalio/common'))
  const proto = createRequire(common.resolve('@temporalio/proto'))
  const { fromJson } = proto('protobufjs/ext/protojson') as ProtoJson
  const { patchProtobufRoot } = common('@temporalio/proto/lib/patch-protobuf-root') as {
    readonly patchProtobufRoot: (root: unknown) => { lookupType(name: string): unknown }
  }
  const type = patchProtobufRoot(common('@temporalio/proto')).lookupType('temporal.api.history.v1.History')
  return fromJson(type, json, { ignoreUnknownFields: true })
}
