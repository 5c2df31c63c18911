// Checks types and lint rules on one program of the compiler: either alone spends most of its time on making it.
import { fileURLToPath } from 'node:url'
import { ESLint } from 'eslint'
import ts from 'typescript'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))

const config = ts.readConfigFile(`${PROJECT}tsconfig.json`, (file) => ts.sys.readFile(file))
const { fileNames, options, errors } = ts.parseJsonConfigFileContent(config.config, ts.sys, PROJECT)
const program = ts.createProgram(fileNames, options)
const diagnostics = [...(config.error ? [config.error] : []), ...errors, ...ts.getPreEmitDiagnostics(program)]
process.stdout.write(
  ts.formatDiagnostics(diagnostics, { getCurrentDirectory: () => PROJECT, getCanonicalFileName: (name) => name, getNewLine: () => '\n' }),
)

const parserOptions = { projectService: false, programs: [program] }
const eslint = new ESLint({ cwd: PROJECT, overrideConfig: [{ files: ['**/*.ts'], languageOptions: { parserOptions } }] })
const results = await eslint.lintFiles('.')
process.stdout.write(await (await eslint.loadFormatter('stylish')).format(results))

const found = results.some(({ errorCount, warningCount }) => errorCount + warningCount > 0)
process.exitCode = diagnostics.length > 0 || found ? 1 : 0
