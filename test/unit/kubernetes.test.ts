import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { parseAllDocuments } from 'yaml'
import manifest from '../../package.json' with { type: 'json' }
import { ENVIRONMENT } from '../../src/environment.ts'
import { PROJECT_FOLDER } from '../../src/project-folder.ts'
import { WORKER_OPTIONS } from '../../src/run-worker.ts'

interface Deployment {
  readonly kind: string
  readonly spec: { readonly selector: { readonly matchLabels: object }; readonly template: Template }
}

interface Template {
  readonly metadata: { readonly labels: Readonly<Record<string, string>>; readonly annotations: Readonly<Record<string, string>> }
  readonly spec: {
    readonly terminationGracePeriodSeconds: number
    readonly securityContext: { readonly runAsNonRoot: boolean; readonly runAsUser: number }
    readonly containers: readonly [Container]
    readonly volumes: readonly { readonly name: string }[]
  }
}

interface Probe {
  readonly exec: { readonly command: readonly string[] }
}

interface Container {
  readonly image: string
  readonly env: readonly { readonly name: string; readonly value?: string }[]
  readonly startupProbe: Probe
  readonly readinessProbe: Probe
  readonly livenessProbe?: Probe
  readonly ports: readonly { readonly containerPort: number }[]
  readonly resources: { readonly limits: Readonly<Record<string, string>> }
  readonly securityContext: Readonly<Record<string, unknown>>
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
}

const text = (file: string): string => readFileSync(path.join(PROJECT_FOLDER, file), 'utf8')
const [deployment, budget] = parseAllDocuments(text('deploy/kubernetes/worker.yaml')).map((one) => one.toJS() as Deployment)
assert.ok(deployment && budget)
const { spec } = deployment.spec.template
const [container] = spec.containers

test('the Kubernetes worker has time to drain', () => {
  const seconds = Number(/^(\d+) seconds$/.exec(WORKER_OPTIONS.shutdownForceTime)?.[1])
  assert.ok(spec.terminationGracePeriodSeconds >= seconds + 10)
})

test('it is not root, and writes nowhere but into volumes', () => {
  assert.equal(spec.securityContext.runAsNonRoot, true)
  assert.ok(spec.securityContext.runAsUser > 0)
  assert.deepEqual(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  })
  assert.deepEqual(container.volumeMounts.map(({ name }) => name).sort(), spec.volumes.map(({ name }) => name).sort())
  const places = container.volumeMounts.map(({ mountPath }) => mountPath)
  assert.ok(places.includes('/tmp') && places.includes(container.env.find(({ name }) => name === 'PGMOVE_CACHE')?.value ?? ''))
})

test("its probes are the image's own health check, and none of them restarts it while Temporal is away", () => {
  const [, check = ''] = /^HEALTHCHECK .* CMD (.*)$/m.exec(text('Dockerfile')) ?? []
  for (const probe of [container.startupProbe, container.readinessProbe]) assert.deepEqual(probe.exec.command, JSON.parse(check))
  assert.ok(existsSync(path.join(PROJECT_FOLDER, container.readinessProbe.exec.command.at(-1) ?? '')))
  assert.equal(container.livenessProbe, undefined)
})

test('it is of this version, and everything in it fits together', () => {
  assert.ok(container.image.endsWith(`:${manifest.version}`))
  const known = ENVIRONMENT.map(({ name }) => name)
  for (const { name } of container.env) assert.ok(known.includes(name), name)
  for (const { spec: of } of [deployment, budget]) assert.deepEqual(of.selector.matchLabels, deployment.spec.template.metadata.labels)
  const port = container.env.find(({ name }) => name === 'PGMOVE_METRICS_ADDRESS')?.value?.split(':')[1]
  assert.equal(deployment.spec.template.metadata.annotations['prometheus.io/port'], port)
  assert.equal(String(container.ports[0]?.containerPort), port)
  assert.ok(container.resources.limits['memory'])
})
