import { commandReference } from './command-reference.ts'
import { environmentReference } from './environment-reference.ts'
import { messageReference } from './message-reference.ts'
import { page, typeSection, WRITTEN_BY } from './reference-text.ts'
import type { ReferenceFile } from './reference-text.ts'
import { describeType } from './type-reference.ts'
import type { DescribedType } from './type-reference.ts'

const STATUS = 'src/workflows/status.ts'

/** What the query `status` answers. */
export const STATUS_TYPES: readonly DescribedType[] = [
  describeType(STATUS, 'Status'),
  describeType(STATUS, 'ConnectionStatus'),
  describeType(STATUS, 'TableProgress'),
  describeType(STATUS, 'IndexBuild'),
  describeType(STATUS, 'StatusWait'),
  describeType(STATUS, 'StatusError'),
  describeType(STATUS, 'PrecheckResult'),
  describeType('src/precheck/precheck-item.ts', 'PrecheckItem'),
]

/** What workflows end with. */
export const RESULT_TYPES: readonly DescribedType[] = [
  describeType('src/workflows/migration-report.ts', 'MigrationReport'),
  describeType('src/workflows/cutover-ledger.ts', 'CutoverStep'),
  describeType('src/workflows/metadata-result.ts', 'MetadataResult'),
  describeType('src/validate/metadata/metadata-difference.ts', 'MetadataDifference'),
  describeType('src/validate/metadata/metadata-difference.ts', 'NotCompared'),
  describeType('src/workflows/metadata-result.ts', 'ValidationResult'),
  describeType('src/workflows/data-result.ts', 'DataResult'),
  describeType('src/workflows/data-result.ts', 'DifferingTable'),
  describeType('src/validate/data/compared-table.ts', 'NotComparedData'),
  describeType('src/workflows/test-connection.ts', 'ConnectionTestResult'),
  describeType('src/workflows/connection-activities.ts', 'ConnectionDiagnosis'),
  describeType('src/workflows/connection-activities.ts', 'DiagnosisItem'),
  describeType('src/workflows/clean-up-result.ts', 'CleanUpResult'),
  describeType('src/workflows/clean-up-result.ts', 'FoundOnSource'),
  describeType('src/workflows/clean-up-result.ts', 'KeptOnSource'),
  describeType('src/workflows/clean-up-result.ts', 'FailedSource'),
]

const CUT =
  'A cut list is an object with `total`, how many there are, and `items`, 50 of them at most. An LSN, and a number that can pass 2^53, is a string.'

/** Every file that is written from the code. The reference of the spec has a writer of its own. */
export function references(): ReferenceFile[] {
  return [
    { file: 'docs/reference/command.md', text: commandReference() },
    { file: 'docs/reference/environment.md', text: environmentReference() },
    { file: 'docs/reference/messages.md', text: messageReference() },
    {
      file: 'docs/reference/status.md',
      text: page(
        'The status',
        `The answer of the query \`status\`, as \`pgmove status --json\` prints it too. Written from [its type](../../src/workflows/status.ts), ${WRITTEN_BY}. ${CUT}`,
        ...sections(STATUS_TYPES),
      ),
    },
    {
      file: 'docs/reference/results.md',
      text: page(
        'The report, and other results',
        `What workflows end with: \`migrateDatabase\` with a MigrationReport, \`validateMigration\` with a ValidationResult, \`testConnection\` with a ConnectionTestResult, \`precheckMigration\` with a [PrecheckResult](status.md#precheckresult), and \`cleanUpSlots\` with a CleanUpResult. Written from their types, ${WRITTEN_BY}. ${CUT}`,
        ...sections(RESULT_TYPES),
      ),
    },
  ]
}

function sections(types: readonly DescribedType[]): string[] {
  const names = types.map(({ name }) => name)
  return types.map((type) => typeSection(type, names))
}
