import { ApplicationFailure } from '@temporalio/workflow'
import { invalidSpecMessage } from '../spec/invalid-spec-message.ts'
import type { SpecProblem } from '../spec/spec-problem.ts'

/** What a workflow fails with whose argument is wrong. */
export function invalidSpec(problems: readonly SpecProblem[]): ApplicationFailure {
  return ApplicationFailure.create({
    message: invalidSpecMessage(problems),
    type: 'InvalidSpec',
    nonRetryable: true,
    details: [problems.slice(0, 50)],
  })
}
