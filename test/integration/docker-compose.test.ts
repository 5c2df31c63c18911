import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'
import { findFile, wheel } from '../../src/postgres/wheel.ts'

const file = fileURLToPath(new URL('../../docker-compose.yml', import.meta.url))
const dockerfile = fileURLToPath(new URL('../../Dockerfile', import.meta.url))

interface Compose {
  services: Record<string, Service>
  volumes: Record<string, unknown>
}

interface Service {
  image: string
  healthcheck?: unknown
  restart?: string
  depends_on?: Record<string, { condition: string }>
  ports?: string[]
  volumes?: string[]
}

const compose = parse(readFileSync(file, 'utf8')) as Compose
const services = Object.entries(compose.services)

test("docker-compose.yml follows the Compose specification's JSON schema", async () => {
  // check-jsonschema ships an unchanged copy of the specification's current schema.
  const folder = await wheel('check-jsonschema', '0.39.0', async () => {})
  const schema = JSON.parse(readFileSync(findFile(folder, 'compose-spec.json') ?? '', 'utf8')) as object
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  const validate = ajv.compile(schema)
  assert.ok(validate(compose), ajv.errorsText(validate.errors))
  assert.equal(validate({ services: { worker: { imagge: 'x' } } }), false, 'the schema refuses a misspelt key')
})

const dockerCompose = composeProgram()

test('docker-compose.yml is accepted by Docker Compose', { skip: dockerCompose ? false : 'no Docker Compose on this machine' }, () => {
  const [program, ...args] = dockerCompose ?? ['docker', 'compose']
  execFileSync(program, [...args, '--file', file, 'config', '--quiet'], { stdio: 'pipe' })
})

test('every image is pinned to a version', () => {
  const bases = [...readFileSync(dockerfile, 'utf8').matchAll(/^FROM (\S+:\S+)/gm)].map((match) => match[1] ?? '')
  assert.ok(bases.length > 0)
  for (const image of [...bases, ...services.map(([, { image }]) => image)]) assert.match(image, /:v?\d+\.\d+[\w.-]*$/)
})

test('every service that stays has a health check and comes back after a failure', () => {
  const ends = new Set(services.flatMap(([, { depends_on }]) => conditions(depends_on, 'service_completed_successfully')))
  assert.deepEqual([...ends].sort(), ['temporal-namespace', 'temporal-schema'])
  for (const [name, service] of services) {
    if (ends.has(name)) continue
    assert.ok(service.healthcheck, name)
    assert.equal(service.restart, 'unless-stopped', name)
  }
  for (const name of services.flatMap(([, { depends_on }]) => conditions(depends_on, 'service_healthy'))) {
    assert.ok(compose.services[name]?.healthcheck, name)
  }
})

test('ports are published on this machine only, and named volumes are declared', () => {
  for (const [name, { ports = [], volumes = [] }] of services) {
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:/, name)
    for (const volume of volumes) assert.ok((volume.split(':')[0] ?? '') in compose.volumes, volume)
  }
})

function conditions(dependencies: Service['depends_on'], condition: string): string[] {
  return Object.entries(dependencies ?? {})
    .filter(([, wanted]) => wanted.condition === condition)
    .map(([name]) => name)
}

function composeProgram(): [string, ...string[]] | undefined {
  const candidates: [string, ...string[]][] = [['docker', 'compose'], ['docker-compose']]
  return candidates.find(([program, ...args]) => {
    try {
      execFileSync(program, [...args, 'version'], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })
}
