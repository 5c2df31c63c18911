import { builtinModules } from 'node:module'
import js from '@eslint/js'
import tseslint from 'typescript-eslint'

const builtins = builtinModules.filter((name) => !name.startsWith('_') && !name.includes('/')).join('|')

/** What workflow code may not import: anything that does I/O, reads a clock or differs between two runs. */
function workflowImports(outside) {
  return {
    '@typescript-eslint/no-restricted-imports': [
      'error',
      {
        patterns: [
          { regex: `^(node:|(${builtins})(/|$))`, message: 'Workflow code is deterministic: no Node.js modules.' },
          { regex: '^pg(pass)?([-/]|$)', message: 'Workflow code does no I/O: no database modules.' },
          {
            group: ['@temporalio/*', '!@temporalio/workflow', '!@temporalio/common'],
            allowTypeImports: true,
            message: 'Only @temporalio/workflow and @temporalio/common run inside a workflow.',
          },
          {
            regex: outside,
            allowTypeImports: true,
            message: 'Workflow code imports types only; the pure code of src/spec, src/errors and src/cli/amounts.ts is the exception.',
          },
        ],
      },
    ],
  }
}

export default tseslint.config(
  { ignores: ['node_modules/', '.cache/', 'build/', 'test/histories/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: ['test', 'it', 'describe', 'suite'] }] },
      ],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // An activity or a port is async by contract, whether or not it awaits.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      eqeqeq: 'error',
    },
  },
  { files: ['src/workflows/*.ts'], rules: workflowImports('^\\.\\./(?!(spec|errors)/|cli/amounts\\.ts)') },
  { files: ['src/workflows/*/**/*.ts'], rules: workflowImports('^\\.\\./\\.\\./(?!(spec|errors)/)') },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
    rules: { eqeqeq: 'error' },
  },
)
