import { ApplicationFailure } from '@temporalio/workflow'

function refuse(type: string): never {
  throw ApplicationFailure.nonRetryable(
    `$: found the workflow type ${type}, expected one of this version: ${type} is not in this version of pgmove. Nothing was changed. Start migrateDatabase instead.`,
    'InvalidSpec',
  )
}

/** Workflow types of the contract that are not in this version: they fail at once, before anything is looked at. */
export async function testConnection(): Promise<never> {
  return refuse('testConnection')
}

export async function precheckMigration(): Promise<never> {
  return refuse('precheckMigration')
}
