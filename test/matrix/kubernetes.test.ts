import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parseAllDocuments } from 'yaml'
import { findFile, wheel } from '../../src/postgres/wheel.ts'
import { PROJECT_FOLDER } from '../../src/project-folder.ts'

const SCHEMAS = { Deployment: 'deployment-apps-v1.json', PodDisruptionBudget: 'poddisruptionbudget-policy-v1.json' } as const

// Here and not in every run: the wheel has 22 MB and 17,000 files.
test("deploy/kubernetes follows the schemas of Kubernetes' API", async () => {
  const folder = await wheel('kubernetes-validate', '1.37.0', async () => {})
  const documents = parseAllDocuments(readFileSync(path.join(PROJECT_FOLDER, 'deploy/kubernetes/worker.yaml'), 'utf8'))
  for (const version of ['v1.25.0', 'v1.31.0', 'v1.37.0']) {
    const schemas = path.dirname(
      findFile(path.join(folder, 'kubernetes_validate/kubernetes-json-schema', `${version}-local-strict`), '_definitions.json') ?? '',
    )
    const read = (file: string): object => ({
      ...(JSON.parse(readFileSync(path.join(schemas, file), 'utf8')) as object),
      $schema: undefined,
    })
    const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false })
    ajv.addSchema(read('_definitions.json'), '_definitions.json')
    for (const document of documents) {
      const content = document.toJS() as { kind: keyof typeof SCHEMAS; spec: object }
      const validate = ajv.compile(read(SCHEMAS[content.kind]))
      assert.ok(validate(content), `${version} ${content.kind}: ${ajv.errorsText(validate.errors)}`)
      assert.equal(validate({ ...content, spec: { ...content.spec, selectr: {} } }), false, 'the schema refuses a misspelt key')
    }
  }
})
